from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

import reports
from harness.records.record import FailureKind, Outcome
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.cells import count, duration_text, number
from reports.leaderboard.columns import COLUMNS, choose_columns
from reports.render.csv import safe_cell
from reports.render.latex import escape_latex
from reports.render.markdown import escape_markdown
from reports.render.terminal import render_terminal, terminal_text
from reports.render.writing import FORMATS, render, write_files
from zoo.errors import ManyErrors, UnknownNameError
from zoo.text import one_line

HOSTILE = [
    "[/red]",
    "[v1]x",
    "\x1b[31mred\x1b[0m",
    "=cmd|' /C calc'!A0",
    "a|b",
    "back\\slash",
    "under_score_",
    "a\u202egnp.exe",
]
HOSTILE += [
    "<script>alert(1)</script>",
    "line\nbreak",
    "${x}",
    "100%",
    "\x07bell",
    "*bold*",
    "`code`",
    "-1+1",
    "@SUM(A1)",
]


@pytest.fixture
def two_rows(make_trials):
    return build_leaderboard(
        [
            *make_trials("resnet18", accuracy=0.974, params=11_173_962, macs=41_000_000, small=True),
            *make_trials("lenet5", accuracy=0.80, params=61_706),
        ]
    )


@pytest.mark.parametrize("format_name", ["table", *FORMATS])
def test_the_same_records_give_the_same_bytes(make_trials, format_name):
    trials = [*make_trials("a"), *make_trials("b", accuracy=0.7)]
    assert render(build_leaderboard(trials), format_name) == render(build_leaderboard(trials[::-1]), format_name)


@pytest.mark.parametrize("format_name", ["table", *FORMATS])
def test_no_records_are_said_in_every_format(format_name):
    text = render(build_leaderboard([]), format_name)
    if format_name in ("csv", "json"):
        assert "accuracy" in text
    else:
        assert "There are no records yet." in text


@pytest.mark.parametrize("format_name", ["table", "markdown", "latex"])
def test_tables_say_what_their_numbers_mean(two_rows, format_name):
    text = " ".join(render(two_rows, format_name).split())
    assert "standard deviation over seeds (3 per row)" in text
    assert "interval: of the accuracy expected from another seed and other test images" in text
    assert "cannot tell them apart" in text
    assert "first strides reduced" in text


def test_cells_read_as_people_write_them(two_rows):
    text = terminal_text(two_rows)
    line = next(line for line in text.splitlines() if "resnet18" in line)
    assert re.search(r"\b1 +resnet18° +toy +sgd +97\.5 ± 0\.0 +\[9\d\.\d, 9\d\.\d\] +3 ", line)
    assert "11.2 M" in line
    assert "41 M" in line
    assert "1,000" in line
    assert "12 s" in line


def test_numbers_have_three_significant_digits():
    assert [number(value) for value in (0.01234, 1.234, 45.67, 999.6, 12345.6, 0, None)] == [
        "0.0123",
        "1.23",
        "45.7",
        "1,000",
        "12,300",
        "0",
        "–",
    ]
    assert [count(value) for value in (0, 61_706, 270_000, 41_000_000, 999_600_000, 1_820_000_000, 2e15, None)] == [
        "0 M",
        "0.0617 M",
        "0.27 M",
        "41 M",
        "1 G",
        "1.82 G",
        "2,000,000 G",
        "–",
    ]
    assert [duration_text(value) for value in (4.21, 75.2, 200.0, 7200.0, None)] == [
        "4.2 s",
        "1 min 15 s",
        "3 min 20 s",
        "2 h 00 min",
        "–",
    ]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 120, 160, 200])
def test_a_narrow_terminal_gets_fewer_columns_and_no_wrapped_cells(two_rows, width):
    lines = terminal_text(two_rows, width=width).splitlines()
    assert all(cell_len(line) <= width for line in lines)
    row = next(line for line in lines if "resnet18" in line)
    assert "97.5 ± 0.0" in row
    assert "…" not in row
    if width <= 120:
        assert "left out, for the line is narrow" in " ".join(" ".join(lines).split())


def test_what_fits_no_terminal_cuts_names_and_never_numbers(make_trials):
    leaderboard = build_leaderboard(make_trials("a_very_long_name_" * 5))
    row = next(line for line in terminal_text(leaderboard, width=40).splitlines() if "a_very" in line)
    assert "…" in row
    assert "90.0 ± 0.0" in row


def test_rows_that_differ_in_their_recipe_only_keep_it_however_narrow(make_trials):
    leaderboard = build_leaderboard([*make_trials(recipe="first"), *make_trials(recipe="second")])
    text = terminal_text(leaderboard, width=40)
    assert "first" in text
    assert "second" in text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_in_every_format(make_trials, name):
    leaderboard = build_leaderboard(
        [
            *make_trials(name, full_name="zoo/a", recipe=name, data=name),
            *make_trials("bad", data=name, outcome=Outcome.FAILED, failure=(FailureKind.ERROR, name)),
        ]
    )
    shown = one_line(name)
    assert re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e]", shown) is None
    console = Console(file=io.StringIO(), width=300, force_terminal=True, color_system="truecolor", record=True)
    console.print(render_terminal(leaderboard))
    assert shown in console.export_text()  # markup was neither read nor dropped
    for format_name in FORMATS:
        render(leaderboard, format_name).encode("utf-8")

    rows = list(csv.DictReader(io.StringIO(render(leaderboard, "csv"))))
    assert rows[0]["model"].removeprefix("'") == shown
    assert not rows[0]["model"].startswith(("=", "+", "-", "@"))
    assert json.loads(render(leaderboard, "json"))["tables"][0]["rows"][0]["cells"]["model"] == shown

    lines = [line for line in render(leaderboard, "markdown").splitlines() if line.startswith("|")]
    num_cells = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines}
    assert len(num_cells) == 1  # no name made a cell of its own
    latex = render(leaderboard, "latex")
    ampersands = {len(re.findall(r"(?<!\\)&", line)) for line in latex.splitlines() if line.endswith(r"\\")}
    assert len(ampersands) == 1


def test_markdown_shows_names_as_they_are():
    assert escape_markdown("simple_cnn") == "simple_cnn"
    assert escape_markdown("_x_ a|b <b> [l](u) `c` *d* \\") == r"\_x\_ a\|b \<b\> \[l\](u) \`c\` \*d\* " + "\\\\"


def test_latex_shows_names_as_they_are():
    assert escape_latex("a_b & 5% \\x {y} #1 $z ~ ^") == (
        r"a\_b \& 5\% \textbackslash{}x \{y\} \#1 \$z \textasciitilde{} \textasciicircum{}"
    )


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_a_cell_that_a_spreadsheet_would_run_gets_a_quote(text):
    assert safe_cell(text) == f"'{text}"
    assert safe_cell(-1.5) == -1.5


def test_csv_has_plain_numbers_that_can_be_read_back(two_rows):
    rows = list(csv.DictReader(io.StringIO(render(two_rows, "csv"))))
    expected = two_rows.rows[0].metrics["accuracy"]
    assert float(rows[0]["accuracy"]) == expected.mean
    assert float(rows[0]["accuracy_low"]) == expected.low
    assert (rows[0]["rank_low"], rows[0]["small_images"], rows[0]["params"]) == ("1", "true", "11173962")


def test_failures_are_told_with_their_reason_and_never_as_a_score_of_zero(make_trial, make_trials):
    leaderboard = build_leaderboard(
        [
            *make_trials("good", seeds=2),
            make_trial("bad", seed=0, outcome=Outcome.FAILED, failure=(FailureKind.OOM, "the device is full")),
        ]
    )
    for format_name in ("table", "markdown", "latex"):
        text = render(leaderboard, format_name)
        assert "seed 0: failed: oom: the device is full" in text
        assert "1 failed, 1 missing" in text
    cells = json.loads(render(leaderboard, "json"))["tables"][0]["rows"][1]["cells"]
    assert (cells["accuracy"], cells["rank_low"], cells["seeds"]) == (None, None, 0)
    assert list(csv.DictReader(io.StringIO(render(leaderboard, "csv"))))[1]["accuracy"] == ""


def test_columns_are_chosen_by_name_in_that_order(two_rows):
    columns = choose_columns(two_rows, ["macro_f1", "model", "latency_p95"])
    header = render(two_rows, "csv", columns).splitlines()[0]
    assert header == "fingerprint,macro_f1,macro_f1_sd,model,small_images,latency_p95"
    assert "p95 ms" in terminal_text(two_rows, columns)


def test_mistyped_columns_are_reported_together_with_near_names(two_rows):
    with pytest.raises(UnknownNameError, match="no column is called 'paramz'; did you mean 'params'"):
        choose_columns(two_rows, ["paramz"])
    with pytest.raises(ManyErrors) as caught:
        choose_columns(two_rows, ["paramz", "model", "reciep"])
    assert len(caught.value.errors) == 2


def test_metrics_of_the_records_are_columns(make_trial):
    leaderboard = build_leaderboard(
        [make_trial(metrics={"nll": 0.25, "top5": 0.99, "mine": 7.0, "per_class_f1": [1.0]})]
    )
    text = terminal_text(leaderboard, choose_columns(leaderboard, ["model", "nll", "top5", "mine"]))
    assert "0.250" in text
    assert "99.0" in text
    assert "7.000" in text
    with pytest.raises(UnknownNameError):
        choose_columns(leaderboard, ["per_class_f1"])


def test_the_column_of_failures_is_there_only_when_there_are_any(two_rows, make_trial):
    assert "unfinished" not in {column.key for column in choose_columns(two_rows)}
    failed = make_trial("f", outcome=Outcome.FAILED, failure=(FailureKind.ERROR, "x"))
    assert "unfinished" in {column.key for column in choose_columns(build_leaderboard([failed]))}


def test_every_column_is_declared_once():
    keys = [column.key for column in COLUMNS]
    assert len(set(keys)) == len(keys)
    assert all(column.about and column.title for column in COLUMNS)


def test_speeds_of_other_conditions_carry_a_mark_that_is_explained(make_trial):
    trials = [make_trial("a"), make_trial("b"), make_trial("c", measurement_key="else", speed=7.0)]
    text = terminal_text(build_leaderboard(trials))
    assert "7†" in text.replace(".00†", "†")
    assert "speeds marked † were measured under other conditions" in text


def test_unknown_formats_are_errors_with_near_names(two_rows):
    with pytest.raises(UnknownNameError, match="'markdwon'; did you mean 'markdown'"):
        render(two_rows, "markdwon")


def test_files_are_written_whole_and_the_same_each_time(two_rows, tmp_path):
    paths = write_files(two_rows, tmp_path)
    assert [path.name for path in paths] == ["leaderboard.csv", "leaderboard.json", "leaderboard.md"]
    before = [path.read_bytes() for path in paths]
    write_files(two_rows, tmp_path)
    assert [path.read_bytes() for path in paths] == before
    shown = [path.name for path in tmp_path.iterdir() if path.name != "runs" and not path.name.startswith(".")]
    assert sorted(shown) == sorted(path.name for path in paths)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\n\tb  c", "a b c"),
        ("\x1b[2Jx\x00", "[2Jx"),
        ("\u202eevil\u2066", "evil"),
        ("\ud800", ""),
        ("naïve 日本 é", "naïve 日本 é"),
        (7, "7"),
    ],
)
def test_foreign_text_becomes_one_harmless_line(text, expected):
    assert one_line(text) == expected


def test_long_foreign_text_is_cut():
    assert len(one_line("x" * 10_000)) == 500


def test_json_is_laid_out_as_its_schema_says(make_trial, make_trials):
    schema = json.loads((Path(reports.__file__).parent / "leaderboard.schema.json").read_text())
    failed = make_trial("bad", outcome=Outcome.FAILED, failure=(FailureKind.OOM, "full"))
    leaderboard = build_leaderboard([*make_trials("good", metrics={"nll": 0.2}), failed])
    data = json.loads(render(leaderboard, "json"))
    table_schema = schema["properties"]["tables"]["items"]
    row_schema, cell_schema = schema["$defs"]["row"], schema["$defs"]["cells"]
    assert set(data) == set(schema["required"])
    assert set(data["tables"][0]) == set(table_schema["required"])
    types = {"integer": int, "number": (int, float), "string": str, "boolean": bool, "null": type(None)}
    for row in data["tables"][0]["rows"]:
        assert set(row) == set(row_schema["required"])
        assert set(row["cells"]) == {*cell_schema["properties"], "nll", "nll_sd"}
        for key, value in row["cells"].items():
            allowed = cell_schema["properties"].get(key, cell_schema["additionalProperties"])["type"]
            names = [allowed] if isinstance(allowed, str) else allowed
            assert any(isinstance(value, types[name]) for name in names), key
    assert schema["properties"]["schema_version"]["const"] == data["schema_version"]
