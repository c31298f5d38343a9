"""Selective classification: known values, ties, and the plain definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from plugins.metrics.selective import aurc, aurc_of_images, coverage_and_threshold, coverage_at


def by_definition(predictions) -> float:
    """The mean over coverages of the share of wrong images among the surest, for distinct confidences."""
    wrong = predictions.logits.argmax(axis=1) != predictions.labels
    order = np.argsort(-predictions.probabilities.max(axis=1))
    return float(np.mean([wrong[order[:answered]].mean() for answered in range(1, len(wrong) + 1)]))


@pytest.mark.parametrize("name", ["random", "skewed", "absent class", "perfect"])
def test_the_area_is_that_of_the_definition(case, name):
    predictions = case(name)
    assert aurc(predictions) == pytest.approx(by_definition(predictions))


def test_known_areas(predictions_of):
    """Sure and right first: risks 0, 0, 1/3; sure and wrong first: 1, 1/2, 1/3."""
    confident = [[3, 0], [2, 0], [1, 0]]
    assert aurc(predictions_of(confident, [0, 0, 1])) == pytest.approx((0 + 0 + 1 / 3) / 3)
    assert aurc(predictions_of(confident, [1, 0, 0])) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert aurc(predictions_of(confident, [0, 0, 0])) == 0
    assert aurc(predictions_of(confident, [1, 1, 1])) == 1


def test_images_of_equal_confidence_are_in_every_order_at_once(predictions_of):
    """The mean of the areas over all orders of the three that tie."""
    found = aurc(predictions_of([[3, 0], [1, 0], [0, 1], [1, 0]], [0, 1, 1, 0]))
    orders = set(itertools.permutations([1, 0, 0]))
    areas = [np.mean(np.cumsum([0, *order]) / np.arange(1, 5)) for order in orders]
    assert found == pytest.approx(np.mean(areas))


def test_equal_confidences_give_the_error_as_area(predictions_of):
    assert aurc(predictions_of(np.eye(4)[[0, 1, 2, 3]], [0, 1, 2, 0])) == pytest.approx(1 / 4)


@pytest.mark.parametrize("name", ["random", "skewed", "two classes, coarse scores"])
def test_images_move_the_area_as_leaving_each_out_does(case, predictions_of, name):
    predictions = case(name)
    moved = aurc_of_images(predictions)
    assert moved.mean() == pytest.approx(aurc(predictions))
    count = len(predictions.labels)
    for image in (0, 7, 50):
        kept = np.arange(count) != image
        rest = aurc(predictions_of(predictions.logits[kept], predictions.labels[kept]))
        assert moved[image] - moved.mean() == pytest.approx((count - 1) * (moved.mean() - rest), abs=0.05)
    replicas = []
    rng = np.random.default_rng(0)
    for _ in range(300):
        drawn = rng.integers(0, count, count)
        replicas.append(aurc(predictions_of(predictions.logits[drawn], predictions.labels[drawn])))
    assert moved.std() / count**0.5 == pytest.approx(np.std(replicas), rel=0.15)


def test_coverage_is_the_largest_share_that_is_accurate_enough(predictions_of):
    """From the surest on: right, wrong, right, right, wrong; accuracies 1, 1/2, 2/3, 3/4, 3/5."""
    predictions = predictions_of([[5, 0], [4, 0], [3, 0], [2, 0], [1, 0]], [0, 1, 0, 0, 1])
    shares = {accuracy: coverage_at(accuracy)(predictions) for accuracy in (0.5, 0.6, 0.7, 0.75, 0.9, 1)}
    assert shares == pytest.approx({0.5: 1, 0.6: 1, 0.7: 4 / 5, 0.75: 4 / 5, 0.9: 1 / 5, 1: 1 / 5})


def test_images_that_tie_are_answered_together(predictions_of):
    predictions = predictions_of([[2, 0], [2, 0], [1, 0]], [0, 1, 0])
    assert coverage_at(0.9)(predictions) == 0
    assert coverage_and_threshold(predictions, 0.9) == (0, float("inf"))
    coverage, threshold = coverage_and_threshold(predictions, 0.6)
    assert coverage == 1
    assert threshold == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-8)
