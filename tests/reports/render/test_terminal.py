"""A leaderboard on a terminal."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from reports.leaderboard.building import build_leaderboard
from reports.render.terminal import terminal_text


@pytest.fixture
def two_rows(make_trials):
    return build_leaderboard(
        [
            *make_trials("resnet18", accuracy=0.974, params=11_173_962, macs=41_000_000, small=True),
            *make_trials("lenet5", accuracy=0.80, params=61_706),
        ]
    )


def test_cells_read_as_people_write_them(two_rows):
    text = terminal_text(two_rows)
    line = next(line for line in text.splitlines() if "resnet18" in line)
    assert re.search(r"\b1 +resnet18@small +sgd +97\.5 ± 0\.0 +\[9\d\.\d, 9\d\.\d\] +3 ", line)
    assert "11.2 M" in line
    assert "41 M" in line
    assert "1,000" in line
    assert "12 s" in line


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 120, 160, 200])
def test_a_narrow_terminal_gets_fewer_columns_and_no_wrapped_cells(two_rows, width):
    lines = terminal_text(two_rows, width=width).splitlines()
    assert all(cell_len(line) <= width for line in lines)
    row = next(line for line in lines if "resnet18" in line)
    assert "97.5 ± 0.0" in row
    assert "…" not in row
    if width <= 120:
        assert "columns left out to fit the width" in " ".join(" ".join(lines).split())


def test_a_narrow_terminal_cuts_names_and_never_numbers(make_trials):
    leaderboard = build_leaderboard(make_trials("a_very_long_name_" * 5))
    row = next(line for line in terminal_text(leaderboard, width=40).splitlines() if "a_very" in line)
    assert "…" in row
    assert "90.0 ± 0.0" in row


def test_rows_that_differ_in_their_recipe_only_keep_it_however_narrow(make_trials):
    leaderboard = build_leaderboard([*make_trials(recipe="first"), *make_trials(recipe="second")])
    text = terminal_text(leaderboard, width=40)
    assert "first" in text
    assert "second" in text


def test_rows_that_differ_in_their_runtime_only_keep_it_however_narrow(make_trials):
    trials = [*make_trials("a_rather_long_network_name"), *make_trials("another_network", accuracy=0.5)]
    leaderboard = build_leaderboard(trials)
    rows = [*leaderboard.rows, *(replace(row, runtime="onnx") for row in leaderboard.rows)]
    leaderboard = replace(leaderboard, tables=(replace(leaderboard.tables[0], rows=tuple(rows)),))
    text = terminal_text(leaderboard, width=40)
    assert text.count("onnx") == 2
    assert all(len(line) <= 40 for line in text.splitlines())


def test_the_column_that_rows_are_ranked_by_stays_however_narrow(make_trial):
    trials = [make_trial("a", metrics={"nll": 0.5}), make_trial("b", metrics={"nll": 0.25})]
    assert "0.250" in terminal_text(build_leaderboard(trials, sort_by="nll"), width=50)
