"""Separations: which rows of a table are tied with which, pair by pair."""

from __future__ import annotations

import numpy as np

from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.separations import is_tied, tied_runs


def test_runs_name_the_rows_that_no_test_separates_in_the_order_of_the_table():
    # Row 2 is above row 0, which is above row 1; row 3 is tied with all.
    above = np.zeros((4, 4), dtype=bool)
    above[2, 0] = above[0, 1] = above[2, 1] = True
    assert tied_runs(above, [2, 3, 0, 1]) == (((0, 1),), ((0, 3),), ((1, 2),), ((1, 1), (3, 3)))
    assert tied_runs(np.zeros((0, 0), dtype=bool), []) == ()


def test_a_position_is_looked_up_in_runs():
    assert [is_tied(((1, 1), (3, 4)), place) for place in range(6)] == [False, True, False, True, True, False]


def test_rows_whose_ranges_of_ranks_overlap_may_be_separated_all_the_same(make_trials):
    """Ranges say less than the pairs: a noisy row between two sure ones is tied with both, and they are not."""
    trials = [
        *make_trials("good", accuracy=0.95, image_noise=0.0),
        *make_trials("noisy", accuracy=0.93, seeds=1, image_noise=50.0),
        *make_trials("close", accuracy=0.90, image_noise=0.0),
    ]
    (table,) = build_leaderboard(trials).tables
    good, noisy, close = ([row.model for row in table.rows].index(name) for name in ("good", "noisy", "close"))
    assert not is_tied(table.tied[good], close)
    assert is_tied(table.tied[good], noisy)
    assert is_tied(table.tied[noisy], close)
    ranges = {row.model: (row.rank_low, row.rank_high) for row in table.rows}
    assert ranges["good"][1] >= ranges["close"][0], "the ranges overlap, so they do not tell"


def test_ties_are_mutual_and_every_row_is_tied_with_itself(make_trials):
    trials = [each for index in range(6) for each in make_trials(f"net{index}", accuracy=0.8 + 0.02 * index)]
    (table,) = build_leaderboard(trials).tables
    for one, runs in enumerate(table.tied):
        assert is_tied(runs, one)
        for other in range(len(table.tied)):
            assert is_tied(runs, other) == is_tied(table.tied[other], one)


def test_values_without_noise_are_tied_where_they_are_equal(make_trials):
    trials = [*make_trials("a", params=10), *make_trials("b", params=20), *make_trials("c", params=10)]
    (table,) = build_leaderboard(trials, sort_by="params").tables
    assert [row.model for row in table.rows] == ["a", "c", "b"]
    assert table.tied == (((0, 1),), ((0, 1),), ((2, 2),))


def test_rows_without_a_rank_have_no_ties(make_trials, make_trial):
    trials = [*make_trials("a"), make_trial("blind", predictions=False)]
    (table,) = build_leaderboard(trials).tables
    assert len(table.tied) == 1
