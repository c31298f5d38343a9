"""Columns of a goal: their headings name it, seeds that never reach it are counted, and nothing stands for unknowns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reports.leaderboard.all_columns import all_columns, choose_columns
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.columns.column import RankBasis
from reports.leaderboard.columns.goal_columns import goal_columns
from reports.leaderboard.goals import GOAL_KEYS, Amount, Goal, Reached
from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.remarks.footnotes import legend, table_notes

GOAL = Goal(accuracy=0.975, price_per_hour=1.5)


def reached(
    seconds: float | None, joules: float | None, *, seeds: tuple[int, int] = (2, 2), goal: Goal = GOAL
) -> Reached:
    return Reached(
        goal=goal,
        num_seeds=seeds[1],
        num_reached=seeds[0],
        seconds=Amount(median=seconds, low=seconds, high=None),
        joules=None if joules is None else Amount(median=joules, low=joules, high=None),
        energy_problem="no counter" if joules is None else "",
    )


@pytest.fixture
def board(make_trials: Any) -> Leaderboard:
    """A row that reaches the goal, one of which a seed does, one that never does, and one without a history."""
    trials = [trial for model in "abcd" for trial in make_trials(model, seeds=2)]
    found = {
        "a": reached(90.0, 12_345.0),
        "b": reached(7200.0, None, seeds=(2, 3)),
        "c": reached(None, None, seeds=(0, 2)),
        "d": None,
    }
    built = build_leaderboard(trials)
    (table,) = built.tables
    rows = tuple(replace(row, reached=found[row.model]) for row in table.rows)
    return replace(built, tables=(replace(table, rows=rows),))


def cells(board: Leaderboard, model: str) -> dict[str, str]:
    (row,) = (row for row in board.rows if row.model == model)
    return {column.title: column.text(row) for column in goal_columns(board.rows)}


def test_headings_name_the_goal_and_cells_count_seeds(board: Leaderboard) -> None:
    assert cells(board, "a") == {
        "time to 97.5 %": "1 min 30 s",
        "kJ to 97.5 %": "12.3",
        "cost to 97.5 %": "0.0375",
    }
    assert list(cells(board, "b").values()) == ["2 h 00 min (2/3)", "–", "3.00 (2/3)"]
    assert list(cells(board, "c").values()) == ["never (0/2)", "–", "never (0/2)"]
    assert list(cells(board, "d").values()) == ["–", "–", "–"]


def test_numbers_are_seconds_joules_and_money(board: Leaderboard) -> None:
    (row,) = (row for row in board.rows if row.model == "a")
    plain: dict[str, Any] = {}
    for column in goal_columns(board.rows):
        plain |= column.plain(row)
    assert plain == {
        "time_to_accuracy": 90.0,
        "time_to_accuracy_low": 90.0,
        "time_to_accuracy_high": None,
        "goal_accuracy": 0.975,
        "seeds_to_accuracy": 2,
        "energy_to_accuracy": 12_345.0,
        "energy_to_accuracy_low": 12_345.0,
        "energy_to_accuracy_high": None,
        "cost_to_accuracy": pytest.approx(0.0375),
        "cost_to_accuracy_low": pytest.approx(0.0375),
        "cost_to_accuracy_high": None,
    }


def test_columns_are_there_with_a_goal_only_and_the_cost_with_a_price_only(board: Leaderboard, make_trial: Any) -> None:
    assert set(GOAL_KEYS) <= {column.key for column in choose_columns(board)}
    without = build_leaderboard([make_trial()])
    assert not set(GOAL_KEYS) & {column.key for column in all_columns(without)}
    free = [replace(row, reached=reached(1.0, 1.0, goal=Goal(accuracy=0.9))) for row in without.rows]
    assert [column.key for column in goal_columns(free)] == list(GOAL_KEYS[:2])


def test_times_order_rows_without_ranks(board: Leaderboard) -> None:
    assert {column.basis for column in goal_columns(board.rows)} == {RankBasis.NONE}


def test_notes_say_what_is_counted_and_why_energy_is_unknown(board: Leaderboard) -> None:
    columns = choose_columns(board)
    said = legend(columns, board)
    assert any(note.startswith("time to 97.5 %: training and validation up to the first epoch") for note in said)
    assert any("(in brackets: how many did)" in note for note in said)
    assert any(note.startswith("kJ to 97.5 %: ") for note in said)
    assert "cost to 97.5 %: that time in hours times the stated price of 1.5" in said
    assert "no energy: no counter (b; c)" in table_notes(board.tables[0], columns, board)
