"""Columns of speed and memory."""

from __future__ import annotations

import csv
import io

import pytest

from reports.leaderboard.all_columns import choose_columns
from reports.leaderboard.building import build_leaderboard
from reports.render.terminal import terminal_text
from reports.render.writing import render


def test_speeds_of_other_conditions_carry_a_mark_that_is_explained(make_trial):
    trials = [make_trial("a"), make_trial("b"), make_trial("c", measurement_key="else", speed=7.0)]
    text = terminal_text(build_leaderboard(trials))
    assert "7†" in text.replace(".00†", "†")
    assert "† speeds measured under different conditions from most rows" in text


def test_a_speed_has_the_range_of_its_windows_beside_it_and_in_files(make_trials) -> None:
    leaderboard = build_leaderboard(make_trials("a", speed=100.0))
    (row,) = leaderboard.rows
    columns = {column.key: column for column in choose_columns(leaderboard)}
    assert columns["inference_speed"].spread(row) == "[270, 330]"
    assert columns["train_speed"].spread(row) == "[90.0, 110]"
    assert columns["accuracy"].spread is None
    (cells,) = csv.DictReader(io.StringIO(render(leaderboard, "csv")))
    assert [float(cells[f"inference_speed{end}"]) for end in ("", "_low", "_high")] == pytest.approx([300, 270, 330])


def test_a_row_without_speeds_has_no_range(make_trial) -> None:
    leaderboard = build_leaderboard([make_trial("a", speed=None)])
    (row,) = leaderboard.rows
    columns = {column.key: column for column in choose_columns(leaderboard)}
    assert columns["inference_speed"].spread(row) == ""
