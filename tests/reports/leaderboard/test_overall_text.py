"""The overall table as text."""

from __future__ import annotations

import csv
import io
import json

import pytest
from rich.cells import cell_len

from harness.records.record import FailureKind, Outcome
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.overall import MIN_DATASETS
from reports.render.terminal import terminal_text
from reports.render.writing import FORMATS, render


def test_a_dataset_without_results_is_left_out_with_a_note(on_datasets, make_trial):
    on_datasets(2)
    folder, _ = make_trial("a", data="broken", outcome=Outcome.FAILED, failure=(FailureKind.DATA, "no images"))
    leaderboard = build_leaderboard([folder.parent])
    assert leaderboard.overall.left_out == ("broken",)
    assert len(leaderboard.overall.rows) == 3
    assert "left out, because no row has a result on them: broken" in terminal_text(leaderboard)


def test_too_few_datasets_have_no_interval_and_a_note_says_so(on_datasets):
    leaderboard = build_leaderboard(on_datasets(MIN_DATASETS - 1))
    assert {(row.low, row.high) for row in leaderboard.overall.rows} == {(None, None)}
    assert "no interval: 5 datasets are too few" in terminal_text(leaderboard)


@pytest.mark.parametrize("format_name", ["table", *FORMATS])
def test_the_overall_table_is_in_every_format_and_the_same_each_time(on_datasets, format_name):
    trials = on_datasets(6)
    text = render(build_leaderboard(trials), format_name)
    assert text == render(build_leaderboard(trials[::-1]), format_name)
    if format_name == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert len(rows) == 18
        assert {(row["model"], row["overall_mean_rank"][:4], row["overall_missing_cells"]) for row in rows} == {
            ("a", "1.33", "0"),
            ("b", "1.83", "0"),
            ("c", "2.83", "0"),
        }
    elif format_name == "json":
        assert [row["model"] for row in json.loads(text)["overall"]["rows"]] == ["a", "b", "c"]
    else:
        assert "3 rows on 6 datasets" in text
        assert "mean rank" in text
        assert "none of 18 cells is missing" in text


@pytest.mark.parametrize("width", [30, 50, 80, 120])
def test_the_overall_table_fits_a_narrow_terminal(on_datasets, width):
    lines = terminal_text(build_leaderboard(on_datasets(2)), width=width).splitlines()
    assert all(cell_len(line) <= width for line in lines)
    assert any("mean rank" in line for line in lines)
