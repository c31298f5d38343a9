"""Repeated folds: the corrected resampled variance covers what other training images would change."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from reports.statistics.intervals import mean_interval, metric_interval
from reports.statistics.paired_tests import pairwise_p_values
from reports.statistics.repeated_folds import FoldScores
from reports.statistics.sample import Sample


class Learner:
    """A nearest-centroid classifier of two classes, whose true accuracy is known, on sets of images drawn anew.

    The classes are normal around 0 and around *gap* on the first of *width* axes. *noise* is added to the weights of
    each network, as another seed would.
    """

    def __init__(self, *, num_images: int = 100, width: int = 20, gap: float = 1.5, noise: float = 0.0) -> None:
        self.num_images, self.width, self.gap, self.noise = num_images, width, gap, noise

    def images(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(self.num_images) % 2
        features = rng.normal(size=(self.num_images, self.width))
        features[:, 0] += self.gap * labels
        return features, labels

    def tested(
        self, rng: np.random.Generator, images: tuple[np.ndarray, np.ndarray], folds_SN: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """Return what is right under each deal, ``[S, N]``, and the mean true accuracy of the networks."""
        features, labels = images
        right_SN, truths = np.empty(folds_SN.shape), []
        for deal, folds_N in enumerate(folds_SN):
            for fold in np.unique(folds_N):
                train, test = folds_N != fold, folds_N == fold
                low, high = (features[train & (labels == label)].mean(axis=0) for label in (0, 1))
                weights = high - low + rng.normal(size=self.width) * self.noise
                middle = (low + high) / 2 @ weights
                right_SN[deal, test] = (features[test] @ weights > middle) == labels[test]
                size = np.linalg.norm(weights)
                ends = stats.norm.cdf([middle / size, (self.gap * weights[0] - middle) / size])
                truths.append(ends.mean())
        return right_SN, float(np.mean(truths))


def deals(rng: np.random.Generator, labels: np.ndarray, *, folds: int, repeats: int) -> np.ndarray:
    found = np.empty((repeats, len(labels)), dtype=np.int64)
    for deal in found:
        deal[np.lexsort((rng.random(len(labels)), labels))] = np.arange(len(labels)) % folds
    return found


def worlds(learner: Learner, *, folds: int, repeats: int, count: int, seed: int) -> Iterator[tuple]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        images = learner.images(rng)
        folds_SN = deals(rng, images[1], folds=folds, repeats=repeats)
        yield rng, images, folds_SN


def coverage(learner: Learner, *, folds: int, repeats: int, count: int, seed: int = 0) -> tuple[float, float]:
    """Return how often the intervals cover the expected accuracy: of repeated folds, and of seeds and images alone."""
    found, truths = [], []
    for rng, images, folds_SN in worlds(learner, folds=folds, repeats=repeats, count=count, seed=seed):
        right_SN, truth = learner.tested(rng, images, folds_SN)
        found.append([mean_interval(Sample.of(right_SN, folds_SN)), mean_interval(Sample.of(right_SN))])
        truths.append(truth)
    truth = float(np.mean(truths))
    corrected, crossed = (np.mean([each[kind].low <= truth <= each[kind].high for each in found]) for kind in (0, 1))
    return float(corrected), float(crossed)


def test_intervals_of_repeated_folds_cover_the_truth_and_those_of_seeds_and_images_do_not():
    corrected, crossed = coverage(Learner(), folds=5, repeats=3, count=300)
    assert 0.93 - 0.025 <= corrected <= 0.97 + 0.02  # two standard errors
    assert crossed < corrected - 0.01


@pytest.mark.slow
@pytest.mark.parametrize("folds", [5, 10])
@pytest.mark.parametrize("repeats", [2, 3, 10])
@pytest.mark.parametrize("width", [2, 20, 60])
def test_intervals_of_repeated_folds_cover_93_or_more_of_100(folds, repeats, width):
    """Learners that hardly depend on their training images (few axes) are covered more often."""
    corrected, _ = coverage(Learner(width=width), folds=folds, repeats=repeats, count=1500, seed=1)
    # Three standard errors of 1,500 repeats.
    assert 0.93 - 0.02 <= corrected <= 0.99


def separations(learner: Learner, *, folds: int, repeats: int, count: int, seed: int = 0) -> float:
    """Return how often two learners of the same expected accuracy are told apart."""
    found = []
    for rng, images, folds_SN in worlds(learner, folds=folds, repeats=repeats, count=count, seed=seed):
        samples = [Sample.of(learner.tested(rng, images, folds_SN)[0], folds_SN) for _ in range(2)]
        found.append(pairwise_p_values(samples)[0, 1] < 0.05)
    return float(np.mean(found))


def test_equal_learners_are_told_apart_in_at_most_5_of_100_cases():
    assert separations(Learner(noise=0.3), folds=5, repeats=3, count=200) <= 0.05 + 0.03


@pytest.mark.slow
@pytest.mark.parametrize(("folds", "repeats"), [(5, 2), (5, 3), (10, 3)])
def test_equal_learners_are_told_apart_in_at_most_5_of_100_cases_of_any_deal(folds, repeats):
    assert separations(Learner(noise=0.3), folds=folds, repeats=repeats, count=1000, seed=1) <= 0.05 + 0.014


def test_the_variance_is_that_of_nadeau_and_bengio():
    rng = np.random.default_rng(0)
    folds_SN = deals(rng, np.arange(60) % 2, folds=4, repeats=3)
    values_SN = rng.random((3, 60))
    means = np.array([values[folds == fold].mean() for values, folds in zip(values_SN, folds_SN) for fold in range(4)])
    scores = FoldScores.of(values_SN, folds_SN)
    assert scores is not None
    assert scores.means_J == pytest.approx(means)
    assert scores.variance == pytest.approx((1 / 12 + 15 / 45) * means.var(ddof=1))
    assert scores.factor(num_deals=6) == pytest.approx(1 / 24 + 15 / 45)


def test_a_difference_is_tested_by_the_differences_of_its_folds():
    rng = np.random.default_rng(3)
    folds_SN = deals(rng, np.arange(80) % 2, folds=4, repeats=2)
    first_SN, second_SN = (rng.random((2, 80)) < share for share in (0.9, 0.7))
    samples = [Sample.of(each.astype(float), folds_SN) for each in (first_SN, second_SN)]
    differences = samples[0].fold_scores.means_J - samples[1].fold_scores.means_J
    error = np.sqrt((1 / 8 + 1 / 3) * differences.var(ddof=1))
    expected = 2 * stats.t.sf(abs(differences.mean()) / error, df=7)
    assert pairwise_p_values(samples)[0, 1] == pytest.approx(expected, rel=0.02)


def test_rows_of_other_deals_are_not_paired_and_their_variances_add_up():
    rng = np.random.default_rng(3)
    labels = np.arange(80) % 2
    one, other = (deals(rng, labels, folds=4, repeats=2) for _ in range(2))
    first_SN, second_SN = (rng.random((2, 80)) < share for share in (0.9, 0.7))
    samples = [Sample.of(first_SN.astype(float), one), Sample.of(second_SN.astype(float), other)]
    variance = sum(each.fold_scores.variance for each in samples)
    expected = 2 * stats.t.sf(abs(samples[0].mean - samples[1].mean) / np.sqrt(variance), df=7)
    assert pairwise_p_values(samples)[0, 1] == pytest.approx(expected, rel=0.02)
    # A row that nothing was trained for has no folds: its images count.
    single = Sample.of(second_SN[:1].astype(float), other[:1])
    assert single.fold_scores is None
    assert 0 < pairwise_p_values([samples[0], single])[0, 1] < 1


def test_one_deal_for_all_seeds_is_not_repeated():
    folds_SN = np.tile(np.arange(20) % 4, (3, 1))
    assert FoldScores.of(np.ones((3, 20)), folds_SN) is None
    assert FoldScores.of(np.ones((1, 20)), folds_SN[:1]) is None


def test_the_interval_of_another_metric_has_the_same_variance_on_its_own_scale():
    rng = np.random.default_rng(1)
    folds_SN = deals(rng, np.arange(90) % 3, folds=3, repeats=4)
    values_SN = rng.normal(5, 1, (4, 90))
    sample = Sample.of(values_SN, folds_SN)
    interval = metric_interval(sample, (-np.inf, np.inf))
    half = stats.t.ppf(0.975, df=11) * np.sqrt(sample.fold_scores.variance)
    assert (interval.low, interval.high) == pytest.approx((sample.mean - half, sample.mean + half), rel=1e-6)
