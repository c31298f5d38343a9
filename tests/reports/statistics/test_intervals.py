"""The interval of one row: calibration on predictions with known truth, and cases with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics.intervals import mean_interval, metric_interval
from reports.statistics.sample import Sample

from .worlds import DIGITS, LARGE, NOISY, STEADY, World, coverage, false_separations


def test_coverage_and_false_separations_of_a_common_case():
    assert 0.93 <= coverage(DIGITS, 3, 400) <= 0.98
    assert false_separations(DIGITS, (3, 3), 400) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [2, 3, 5, 10])
@pytest.mark.parametrize("settings", [DIGITS, NOISY, LARGE, STEADY], ids=["digits", "noisy", "large", "steady"])
def test_intervals_cover_the_truth_in_93_to_97_of_100_cases(settings, num_seeds):
    # 2,000 repeats leave a standard error of half a point.
    assert 0.93 - 0.01 <= coverage(settings, num_seeds, 2000) <= 0.97 + 0.01


def test_one_seed_has_wilsons_interval():
    correct = np.array([[1.0] * 90 + [0.0] * 10])
    interval = mean_interval(Sample.of(correct))
    # Wilson with the t quantile of 99 degrees of freedom and the unbiased variance: close to the plain one.
    expected = stats.binomtest(90, 100).proportion_ci(method="wilson")
    assert interval.low == pytest.approx(expected.low, abs=0.003)
    assert interval.high == pytest.approx(expected.high, abs=0.003)
    assert interval.num_seeds == 1


def test_all_right_is_an_interval_below_one_and_not_a_point():
    interval = mean_interval(Sample.of(np.ones((3, 300))))
    assert 0.97 < interval.low < 0.99
    assert interval.high == 1.0


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 1), (2, 2)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_the_smallest_samples_have_finite_intervals_that_hold_the_mean(shape, value):
    interval = mean_interval(Sample.of(np.full(shape, value)))
    assert 0.0 <= interval.low <= value + 1e-12
    assert value - 1e-12 <= interval.high <= 1.0


def test_the_interval_counts_seeds_and_images():
    rng = np.random.default_rng(0)
    steady = World(rng, **STEADY).draw(3)
    seeds_vary = World(rng, **{**STEADY, "seed_sd": 0.2}).draw(3)
    fewer_images = World(rng, **{**STEADY, "num_images": 100}).draw(3)
    widths = [each.high - each.low for each in map(mean_interval, (steady, seeds_vary, fewer_images))]
    assert widths[1] > 2 * widths[0]
    assert widths[2] > 2 * widths[0]


def test_a_metric_in_other_bounds_has_the_interval_of_a_share_on_that_scale():
    rng = np.random.default_rng(0)
    values = rng.random((3, 400))
    share = metric_interval(Sample.of(values), (0.0, 1.0))
    scaled = metric_interval(Sample.of(2 * values - 1), (-1.0, 1.0))
    assert (scaled.low, scaled.high) == pytest.approx((2 * share.low - 1, 2 * share.high - 1))


def test_a_metric_without_upper_bound_has_an_interval_above_0_that_is_that_of_scipy_for_many_images():
    values = np.random.default_rng(0).exponential(size=(1, 5000))
    found = metric_interval(Sample.of(values), (0.0, np.inf))
    expected = stats.ttest_1samp(values[0], 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=0.01)
    few = metric_interval(Sample.of(np.array([[0.001, 0.001, 9.0]])), (0.0, np.inf))
    assert 0 < few.low < few.high


def test_an_unbounded_metric_has_an_interval_around_its_mean():
    values = np.random.default_rng(0).normal(size=(1, 3000))
    found = metric_interval(Sample.of(values), (-np.inf, np.inf))
    expected = stats.ttest_1samp(values[0], 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.002)


def chosen_on_validation(rng, pool, draws, test):
    """Return what networks get right that were chosen on a validation split each, ``[S, N]``.

    Each is the nearest centroid on one of six pairs of axes, the pair with the highest validation accuracy.
    """
    (features, labels), (tested, truth) = pool, test
    right = []
    for draw in draws:
        val = np.zeros(len(labels), dtype=bool)
        val[np.random.default_rng(draw).permutation(len(labels))[: len(labels) // 5]] = True
        best = (-1.0, np.zeros(len(truth)))
        for start in range(0, features.shape[1], 2):
            axes = slice(start, start + 2)
            low, high = (features[~val & (labels == label), axes].mean(axis=0) for label in (0, 1))
            weights, middle = high - low, (low + high) / 2
            score = (((features[val, axes] - middle) @ weights > 0) == labels[val]).mean()
            if score > best[0]:
                best = (score, ((tested[:, axes] - middle) @ weights > 0) == truth)
        right.append(best[1])
    return np.stack(right).astype(float)


def drawn_images(rng, count):
    labels = np.arange(count) % 2
    features = rng.normal(size=(count, 12))
    features[:, ::2] += labels[:, None] * np.linspace(0.9, 1.5, 6)
    return features, labels


def test_seeds_of_their_own_validation_splits_cover_the_luck_of_the_split_and_a_shared_split_does_not():
    """The seeds of a bench with resplit, for one set of training images: which split chose the network is luck."""
    rng = np.random.default_rng(0)
    pool = drawn_images(rng, 60)
    truth = chosen_on_validation(rng, pool, range(300), drawn_images(rng, 4000)).mean()
    own, shared = [], []
    for repeat in range(300):
        test = drawn_images(rng, 300)
        draws = range(1000 + 5 * repeat, 1005 + 5 * repeat)
        own.append(mean_interval(Sample.of(chosen_on_validation(rng, pool, draws, test))))
        shared.append(mean_interval(Sample.of(chosen_on_validation(rng, pool, [draws[0]] * 5, test))))
    covered, missed = (np.mean([each.low <= truth <= each.high for each in found]) for found in (own, shared))
    assert 0.93 - 0.03 <= covered <= 0.97 + 0.02  # two standard errors of 300 repeats
    assert missed < 0.9
