"""The networks of folds on a further set: known values, and how often intervals cover the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics.drops import width_of_images
from reports.statistics.fold_networks import FoldNetworks
from reports.statistics.intervals import mean_interval
from reports.statistics.sample import Sample


def one_deal(num_seeds: int, num_folds: int, num_images: int) -> np.ndarray:
    return np.tile(np.arange(num_images) % num_folds + 1, (num_seeds, 1))


def drawn(rng: np.random.Generator, *, num_seeds: int = 1, num_folds: int = 5, redealt: bool = False) -> FoldNetworks:
    """Return networks whose true accuracies are 85 % on their folds and 75 % on the further set.

    The networks of a fold move together by 3 points, those of a seed by 1, and each by 1 of its own; on the further
    set, each moves by 2 points more.
    """
    folds_SN = one_deal(num_seeds, num_folds, 200)
    if redealt:
        folds_SN = rng.permuted(folds_SN, axis=1)
    of_folds = rng.normal(0, 0.03, (num_seeds if redealt else 1, num_folds))
    moves_SF = of_folds + rng.normal(0, 0.01, (num_seeds, 1)) + rng.normal(0, 0.01, (num_seeds, num_folds))
    hard_N, hard_M = rng.random(200), rng.random(300)
    own_SN = hard_N < 0.85 + np.take_along_axis(moves_SF, folds_SN - 1, axis=1)
    further_SF = moves_SF + rng.normal(0, 0.02, moves_SF.shape)
    correct_SFM = hard_M < 0.75 + further_SF[:, :, None]
    return FoldNetworks(correct_SFM=correct_SFM.astype(float), own_SN=own_SN.astype(float), folds_SN=folds_SN)


def test_the_networks_of_one_deal_have_the_interval_of_seeds() -> None:
    found = drawn(np.random.default_rng(0))
    low, high = found.interval().low, found.interval().high
    expected = mean_interval(Sample.of(found.correct_SFM[0]))
    assert found.mean == pytest.approx(found.correct_SFM.mean())
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_the_drop_of_one_deal_is_that_of_a_t_test_over_networks_and_the_further_images() -> None:
    """The accuracies on the folds are 4/4, 3/4 and 2/4, and all networks are right on the same 6 of 8 images."""
    own_SN = np.array([[1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0]], dtype=float)
    folds_SN = np.repeat([1, 2, 3], 4)[None]
    correct_SFM = np.tile(np.array([1, 1, 1, 1, 1, 1, 0, 0], dtype=float), (1, 3, 1))
    drop = FoldNetworks(correct_SFM=correct_SFM, own_SN=own_SN, folds_SN=folds_SN).drop()
    assert drop.mean == pytest.approx(0.0)
    of_networks = stats.t.ppf(0.975, 2) * np.std([0.25, 0.0, -0.25], ddof=1) / 3**0.5
    of_images = stats.t.ppf(0.975, 7) * correct_SFM[0, 0].std(ddof=1) / 8**0.5
    assert drop.high == pytest.approx(np.hypot(of_networks, of_images))
    assert drop.low == pytest.approx(-drop.high)
    assert not drop.is_paired


def test_several_deals_have_the_corrected_variance_of_repeated_folds() -> None:
    found = drawn(np.random.default_rng(1), num_seeds=3, redealt=True)
    own_J = [
        values_N[folds_N == fold].mean()
        for values_N, folds_N in zip(found.own_SN, found.folds_SN, strict=True)
        for fold in range(1, 6)
    ]
    drops_J = np.array(own_J) - found.correct_SFM.mean(axis=2).ravel()
    of_networks = (1 / 15 + 1 / 4) * drops_J.var(ddof=1) * stats.t.ppf(0.975, 14) ** 2
    half = np.sqrt(of_networks + width_of_images(found.correct_SFM.mean(axis=0)))
    drop = found.drop()
    assert drop.mean == pytest.approx(np.mean(own_J) - found.mean)
    assert (drop.mean - drop.low, drop.high - drop.mean) == pytest.approx((half, half))


def test_networks_that_are_always_right_are_not_certain() -> None:
    found = FoldNetworks(correct_SFM=np.ones((1, 3, 20)), own_SN=np.ones((1, 30)), folds_SN=one_deal(1, 3, 30))
    assert found.interval().low < 0.95
    assert found.interval().high == 1.0
    assert found.drop().low < 0 < found.drop().high


def test_images_alone_would_cover_the_truth_too_rarely() -> None:
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(300):
        means_M = drawn(rng).correct_SFM.mean(axis=(0, 1))
        interval = mean_interval(Sample.of(means_M[None]))
        covered.append(interval.low <= 0.75 <= interval.high)
    assert np.mean(covered) < 0.92


@pytest.mark.parametrize(
    ("num_seeds", "num_folds", "redealt"), [(1, 5, False), (1, 10, False), (3, 5, False), (3, 5, True)]
)
def test_intervals_cover_the_truth(num_seeds: int, num_folds: int, redealt: bool) -> None:
    rng = np.random.default_rng(num_seeds + num_folds)
    accuracies, drops = [], []
    for _ in range(400):
        found = drawn(rng, num_seeds=num_seeds, num_folds=num_folds, redealt=redealt)
        interval, drop = found.interval(), found.drop()
        accuracies.append(interval.low <= 0.75 <= interval.high)
        drops.append(drop.low <= 0.1 <= drop.high)
    assert 0.92 <= np.mean(accuracies) <= 0.995
    assert 0.92 <= np.mean(drops) <= 0.995
