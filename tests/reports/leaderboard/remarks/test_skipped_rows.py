"""Networks whose weights cannot be loaded are one note, not a row each."""

from __future__ import annotations

from harness.records.record import Outcome
from reports.leaderboard.building import build_leaderboard

REASON = "published weights cannot be loaded: there is no connection to https://huggingface.co"


def skipped(make_trial, model, seed=0):
    return make_trial(model, seed=seed, outcome=Outcome.SKIPPED, reason=REASON)


def test_skipped_rows_are_one_note(make_trial, make_trials):
    trials = [*make_trials("net"), *(skipped(make_trial, f"other{number}") for number in range(5))]
    board = build_leaderboard(trials)
    assert [row.model for table in board.tables for row in table.rows] == ["net"]
    assert list(board.notes) == [f"5 trials were skipped: {REASON} (5 rows)"]


def test_a_row_with_results_keeps_its_skipped_seeds(make_trial):
    board = build_leaderboard([make_trial("net", seed=0), skipped(make_trial, "net", seed=1)])
    (row,) = board.tables[0].rows
    assert [each.outcome for each in row.unfinished] == ["skipped"]
    assert not board.notes


def test_if_all_is_skipped_the_rows_stay(make_trial):
    board = build_leaderboard([skipped(make_trial, "a"), skipped(make_trial, "b")])
    assert len(board.tables[0].rows) == 2
