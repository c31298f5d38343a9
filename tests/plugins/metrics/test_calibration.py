"""Calibration error without the noise of its bins: 0 for a calibrated network, and the truth for another one."""

from __future__ import annotations

import numpy as np
import pytest

from plugins.metrics import calibration
from reports.statistics.intervals import metric_interval
from reports.statistics.paired_tests import pairwise_p_values
from reports.statistics.sample import Sample
from zoo.metric import Predictions

CLASSES = tuple("abcde")
ALL = (-np.inf, np.inf)


def draw(rng, num_images, *, temperature=1.0, noise=0.0):
    """Labels are drawn from the softmax of logits, which a temperature then makes too confident."""
    base = rng.normal(0, 2, (num_images, 5))
    shares = np.exp(base)
    shares /= shares.sum(axis=1, keepdims=True)
    labels = (shares.cumsum(axis=1) < rng.random((num_images, 1))).sum(axis=1)
    return [predictions_of((base + noise * rng.normal(size=base.shape)) * temperature, labels) for _ in range(2)]


def predictions_of(logits, labels):
    return Predictions(logits=logits.astype(np.float32), labels=labels, classes=CLASSES)


def test_a_calibrated_network_has_an_error_of_0_on_average_and_binned_errors_have_the_floor():
    rng = np.random.default_rng(0)
    drawn = [draw(rng, 900)[0] for _ in range(60)]
    squared = [calibration._squared(each) for each in drawn]
    assert abs(np.mean(squared)) < 3 * np.std(squared) / 60**0.5
    biased = []
    for each in drawn:
        _, _, images_B, sum_B, _ = calibration._bins(each)
        biased.append((sum_B**2 / images_B).sum() / len(each.labels))
    floors = [calibration.calibration_floor(each) for each in drawn]
    assert np.mean(biased) ** 0.5 == pytest.approx(np.mean(floors), rel=0.05)
    assert np.mean(floors) > 0.04


def test_an_overconfident_network_has_its_true_error_at_any_number_of_images():
    rng = np.random.default_rng(1)
    truth = calibration._squared(draw(rng, 300_000, temperature=1.5)[0])
    for num_images in (200, 900):
        found = [calibration._squared(draw(rng, num_images, temperature=1.5)[0]) for _ in range(60)]
        assert np.mean(found) == pytest.approx(truth, abs=3.5 * np.std(found) / 60**0.5)


def test_pseudo_values_are_those_of_leaving_each_image_out_of_its_bin():
    predictions = draw(np.random.default_rng(2), 80)[0]
    gap_N, bin_N, images_B, _, _ = calibration._bins(predictions)

    def squared(kept_N):
        total = 0.0
        for place in range(len(images_B)):
            gaps = gap_N[kept_N & (bin_N == place)]
            pairs = np.outer(gaps, gaps)
            total += (pairs.sum() - np.trace(pairs)) / (len(gaps) - 1)
        return total / kept_N.sum()

    everything = np.ones(80, dtype=bool)
    expected = [80 * squared(everything) - 79 * squared(np.arange(80) != image) for image in range(80)]
    expected = np.array(expected) + squared(everything) - np.mean(expected)
    np.testing.assert_allclose(calibration.squared_influence(predictions), expected, atol=1e-9)


@pytest.mark.parametrize(("temperature", "repeats"), [(1.0, 80), (1.5, 80)])
def test_intervals_cover_the_truth_and_equal_networks_are_rarely_separated(temperature, repeats):
    covered, separated = calibrated(temperature, repeats)
    assert covered >= 0.88
    assert separated <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [1.0, 1.2, 1.5])
def test_of_100_intervals_93_or_more_cover_the_truth_and_5_equal_pairs_or_fewer_are_separated(temperature):
    covered, separated = calibrated(temperature, 1500)
    assert covered >= 0.93 - 0.015
    assert separated <= 0.05 + 0.015


def calibrated(temperature, repeats):
    rng = np.random.default_rng(3)
    truth = calibration._squared(draw(rng, 300_000, temperature=temperature)[0]) if temperature > 1 else 0.0
    covered = separated = 0
    for _ in range(repeats):
        influence = calibration.squared_influence(draw(rng, 900, temperature=temperature)[0])
        interval = metric_interval(Sample.of(influence[None]), ALL)
        covered += calibration.root(interval.low) <= truth**0.5 + 1e-9 <= calibration.root(interval.high) + 2e-9
        pair = draw(rng, 900, temperature=temperature, noise=0.3)
        samples = [Sample.of(calibration.squared_influence(each)[None]) for each in pair]
        separated += pairwise_p_values(samples)[0, 1] < 0.05
    return covered / repeats, separated / repeats


def test_images_of_one_confidence_share_a_bin_so_that_their_order_changes_nothing():
    rng = np.random.default_rng(4)
    labels = rng.integers(5, size=300)
    logits = np.eye(5)[rng.integers(5, size=300)] * rng.choice([1.0, 2.0, 3.0], (300, 1))
    order = rng.permutation(300)
    for compute in (calibration.debiased_calibration_error, calibration.calibration_floor):
        value = compute(predictions_of(logits, labels))
        assert compute(predictions_of(logits[order], labels[order])) == pytest.approx(value, rel=1e-12)
