"""Ranks: who is separated from whom, and the ranges that follow."""

from __future__ import annotations

import numpy as np
from scipy import stats

from reports.statistics.ranks import closed, rank_ranges, separated, tie_numbers
from reports.statistics.sample import Sample

from .worlds import DIGITS, World


def test_three_seeds_and_five_rows_separate_a_poor_model_from_good_ones():
    """Four networks of 96.8 to 99 % and a linear model of 95.4 % on 898 images: what the default bench has."""
    rng = np.random.default_rng(8)
    found = 0
    for _ in range(60):
        shared = rng.normal(0, 1.42, 898)
        samples = []
        for accuracy, seed_sd in ((0.954, 0.03), (0.968, 0.25), (0.978, 0.2), (0.981, 0.2), (0.990, 0.2)):
            level = stats.norm.ppf(accuracy) * (1 + seed_sd**2 + 1.5**2) ** 0.5
            ease = level + shared + rng.normal(0, 0.47, 898) + rng.normal(0, seed_sd, (3, 1))
            samples.append(Sample.of((ease + rng.normal(0, 1, (3, 898)) > 0).astype(float)))
        found += separated(samples)[1:, 0].sum()
    assert found / (60 * 4) > 0.3  # 0.2 with each row's seeds for themselves


def test_one_row_that_diverged_hides_nothing_of_the_rest():
    rng = np.random.default_rng(4)
    steady = [Sample.of((rng.random((3, 5000)) < level).astype(float)) for level in (0.9, 0.86, 0.82, 0.78)]
    wild = Sample.of((rng.random((3, 5000)) < np.array([[0.1], [0.5], [0.9]])).astype(float))
    assert separated(steady).sum() == 6
    assert separated([*steady, wild])[:4, :4].sum() == 6


def test_rank_ranges_count_who_is_surely_above_and_below():
    above = np.zeros((4, 4), dtype=bool)
    above[0, 1:] = True  # one clear winner, three that cannot be told apart
    assert rank_ranges(above) == [(1, 1), (2, 4), (2, 4), (2, 4)]
    assert rank_ranges(np.zeros((0, 0), dtype=bool)) == []


def test_separation_is_transitive_so_that_ranges_never_contradict_each_other():
    rng = np.random.default_rng(1)
    for _ in range(20):
        levels = rng.normal(2.0, 0.4, 6)
        samples = [
            World(np.random.default_rng(rng.integers(2**31)), num_images=200, level=level, seed_sd=0.2).draw(3)
            for level in levels
        ]
        above = separated(samples)
        assert not (above & above.T).any()
        assert (above @ above <= above).all()
        ranges = rank_ranges(above)
        for i, j in np.argwhere(above):
            assert ranges[i][0] < ranges[j][0]
            assert ranges[i][1] < ranges[j][1]


def test_one_row_is_first_and_only_the_mean_decides_which_of_two_is_above():
    rng = np.random.default_rng(0)
    sample = World(rng, **DIGITS).draw(3)
    assert rank_ranges(separated([sample])) == [(1, 1)]
    good, bad = np.ones((3, 300)), np.zeros((3, 300))
    assert separated([Sample.of(bad), Sample.of(good)]).tolist() == [[False, False], [True, False]]


def test_a_tie_ends_where_every_row_above_is_separated_from_every_row_below():
    assert tie_numbers([(1, 1), (2, 4), (2, 4), (2, 4)]) == [1, 2, 2, 2]
    assert tie_numbers([(1, 2), (1, 3), (2, 3), (4, 4)]) == [1, 1, 1, 2]  # a chain is one tie
    assert tie_numbers([(1, 4), (1, 2), (1, 3), (3, 4)]) == [1, 1, 1, 1]  # a noisy row reaches past certain ones
    assert tie_numbers([(1, 1)]) == [1]
    assert tie_numbers([]) == []


def test_the_closure_adds_what_follows_and_nothing_else():
    rng = np.random.default_rng(3)
    for num_rows in (2, 7, 20):
        means = rng.normal(size=num_rows)
        above = (rng.random((num_rows, num_rows)) < 0.2) & (means[:, None] > means)
        expected = above.copy()
        for _ in range(num_rows):
            expected |= (expected.astype(int) @ expected.astype(int)) > 0
        np.testing.assert_array_equal(closed(above, means), expected)


def test_many_rows_have_the_ranks_that_few_rows_at_a_time_have(monkeypatch):
    rng = np.random.default_rng(4)
    ease_N = rng.normal(size=400)
    samples = [
        Sample.of((rng.normal(1, 0.6) + ease_N + rng.normal(0, 0.7, (3, 400)) > 0).astype(float)) for _ in range(30)
    ]
    expected = separated(samples)
    monkeypatch.setattr("reports.statistics.ranks._BLOCK", 7)
    np.testing.assert_array_equal(separated(samples), expected)
    assert expected.any()
