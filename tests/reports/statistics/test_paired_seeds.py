"""The interval of a difference between paired seeds: what both share drops out, and it covers as often as it says."""

from __future__ import annotations

import numpy as np
import pytest

from reports.statistics.paired_seeds import mean_difference


def test_equal_rows_differ_by_exactly_nothing() -> None:
    found = mean_difference(np.zeros((3, 50)))
    assert (found.mean, found.low, found.high) == (0, 0, 0)


def test_one_seed_gives_the_paired_interval_over_images() -> None:
    differences = np.array([[1.0] * 10 + [-1.0] * 5 + [0.0] * 85])
    found = mean_difference(differences)
    assert found.mean == pytest.approx(0.05)
    width = 1.98 * differences.std(ddof=1) / 10
    assert found.high - found.mean == pytest.approx(found.mean - found.low)
    assert found.high - found.mean == pytest.approx(width, rel=0.15)  # fewer degrees of freedom: 15 images differ


def test_what_a_seed_does_to_both_rows_drops_out() -> None:
    draws = np.random.default_rng(0)
    seeds_S1 = draws.normal(0, 0.2, (5, 1))
    one, other = (draws.random((5, 400)) < 0.7 + seeds_S1 for _ in range(2))
    paired = mean_difference(one.astype(float) - other)
    apart = mean_difference(one.astype(float) - np.roll(other, 1, axis=0))
    assert paired.high - paired.low < 0.5 * (apart.high - apart.low)


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_the_interval_covers_the_true_difference_in_95_of_100_cases(seeds: int) -> None:
    draws = np.random.default_rng(seeds)
    hits, rounds = 0, 400
    for _ in range(rounds):
        gain_S1 = 0.05 + (draws.normal(0, 0.03, (seeds, 1)) if seeds > 1 else 0)
        base_1N = draws.beta(4, 2, (1, 200)) * 0.9
        one = draws.random((seeds, 200)) < base_1N + gain_S1
        other = draws.random((seeds, 200)) < base_1N
        found = mean_difference(one.astype(float) - other)
        hits += found.low <= 0.05 <= found.high
    assert 0.92 <= hits / rounds <= 0.99
