"""Any format by its name, and the files beside the records."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from rich.console import Console

from harness.records.record import FailureKind, Outcome
from reports.leaderboard.building import build_leaderboard
from reports.render.terminal import render_terminal
from reports.render.writing import FORMATS, render, write_files
from zoo.errors import UnknownNameError
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
def test_every_format_reports_that_there_are_no_records(format_name):
    text = render(build_leaderboard([]), format_name)
    if format_name in ("csv", "json"):
        assert "accuracy" in text
    else:
        assert "There are no records yet." in text


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
