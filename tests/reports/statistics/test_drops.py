"""Drops: known values, and how often their intervals cover the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics.drops import paired_drop, unpaired_drop


def test_a_paired_drop_of_one_seed_is_that_of_a_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    clean, changed = (rng.random((1, 500)) < share for share in (0.9, 0.7))
    drop = paired_drop(clean.astype(float), changed.astype(float))
    expected = stats.ttest_rel(clean[0].astype(float), changed[0].astype(float)).confidence_interval(0.95)
    assert drop.mean == pytest.approx(clean.mean() - changed.mean())
    assert (drop.low, drop.high) == pytest.approx(tuple(expected), abs=2e-3)
    assert drop.is_paired


def test_images_that_are_wrong_either_way_make_a_paired_interval_narrower() -> None:
    clean = np.repeat([[1.0, 0.0]], 200, axis=1).reshape(1, -1)
    changed = clean.copy()
    changed[0, :10] = 0
    paired, unpaired = paired_drop(clean, changed), unpaired_drop(clean, changed)
    assert paired.mean == pytest.approx(unpaired.mean)
    assert paired.high - paired.low < 0.5 * (unpaired.high - unpaired.low)


def test_an_unpaired_drop_of_one_seed_has_the_variances_of_both_sets() -> None:
    clean, other = np.array([[1.0] * 90 + [0.0] * 10]), np.array([[1.0] * 30 + [0.0] * 20])
    drop = unpaired_drop(clean, other)
    halves = [stats.t.ppf(0.975, each.size - 1) * each.std(ddof=1) / each.size**0.5 for each in (clean, other)]
    assert (drop.mean, drop.is_paired) == (pytest.approx(0.3), False)
    assert drop.high - drop.mean == pytest.approx(np.hypot(*halves))


def test_a_share_scales_the_drop_of_a_part_of_the_images() -> None:
    rest, part = np.array([[1.0] * 75 + [0.0] * 15]), np.array([[1.0] * 5 + [0.0] * 5])
    drop = unpaired_drop(rest, part, share=0.9)
    assert drop.mean == pytest.approx(80 / 100 - 5 / 10)


def test_sets_without_an_error_are_not_certain() -> None:
    drop = unpaired_drop(np.ones((1, 50)), np.ones((1, 20)))
    assert drop.low < 0 < drop.high


@pytest.mark.parametrize("num_seeds", [1, 3])
@pytest.mark.parametrize("paired", [True, False])
def test_intervals_cover_the_true_drop(num_seeds: int, paired: bool) -> None:
    """True accuracies of 85 % and 75 %, with a standard deviation of 1 point over seeds in each."""
    rng = np.random.default_rng(num_seeds)
    covered = []
    for _ in range(400):
        hard_N, other_M = rng.random(300), rng.random(300)
        moves_S2 = rng.normal(0, 0.01 if num_seeds > 1 else 0, (num_seeds, 2))
        clean = (hard_N < 0.85 + moves_S2[:, :1]).astype(float)
        changed = ((hard_N if paired else other_M) < 0.75 + moves_S2[:, 1:]).astype(float)
        drop = (paired_drop if paired else unpaired_drop)(clean, changed)
        covered.append(drop.low <= 0.1 <= drop.high)
    assert np.mean(covered) >= 0.92
