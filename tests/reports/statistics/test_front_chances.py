"""Chances of being on a Pareto front: cases with a known answer, and draws that vary as means do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.leaderboard.pareto import front
from reports.statistics.front_chances import NUM_DRAWS, drawn_means, front_chances
from reports.statistics.sample import Sample

EXACT = np.zeros(3)


def test_without_noise_it_is_the_front():
    rng = np.random.default_rng(0)
    for _ in range(50):
        means, costs = rng.integers(0, 5, 8) / 5, rng.integers(0, 5, 8).astype(float)
        chances = front_chances(np.tile(means[:, None], 3), costs, np.zeros(8))
        assert np.flatnonzero(chances == 1.0).tolist() == sorted(front(list(zip(means, costs, strict=True))))
        assert set(chances) <= {0.0, 1.0}


def test_the_cheapest_row_is_always_on_it_and_a_dearer_equal_one_half_the_time():
    rng = np.random.default_rng(1)
    means = 0.8 + 0.01 * rng.normal(size=(3, 4000))
    chances = front_chances(means, np.array([1.0, 2.0, 3.0]), EXACT)
    # The highest of the first k of equal rows is the k-th with a probability of 1/k.
    assert chances == pytest.approx([1.0, 1 / 2, 1 / 3], abs=0.03)


def test_a_measured_cost_has_noise_too():
    means = np.tile(np.array([[0.9], [0.8]]), 4000)
    assert front_chances(means, np.array([2.0, 1.0]), np.zeros(2)).tolist() == [1.0, 1.0]
    chances = front_chances(means, np.array([2.0, 1.0]), np.array([0.5, 0.5]))
    # The worse row is on the front only if it is the cheaper one.
    assert chances == pytest.approx([1.0, stats.norm.cdf(1 / 0.5**0.5)], abs=0.02)


def test_draws_vary_as_means_do_over_seeds_and_images():
    rng = np.random.default_rng(2)

    def row():
        scores_SN = 1.5 + rng.normal(0, 1.5, 800) + rng.normal(0, 0.2, (4, 1)) + rng.normal(0, 1, (4, 800))
        return Sample.of((scores_SN > 0).astype(float))

    spread = np.mean([drawn_means([row()]).var() for _ in range(60)])
    assert spread == pytest.approx(np.var([row().mean for _ in range(400)]), rel=0.25)
    assert drawn_means([row(), row()]).shape == (2, NUM_DRAWS)
