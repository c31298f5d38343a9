"""Temperature scaling: the best temperature, the accuracy to the bit, and what is undefined."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import softmax
from torch.nn import functional

from plugins.metrics import temperature_scaling


@pytest.fixture
def made(predictions_of):
    """Predictions of a network that is three times as sure as it should be, with validation predictions."""

    def draw(num_images, seed, sureness=3.0):
        rng = np.random.default_rng(seed)
        logits = rng.normal(size=(num_images, 5)) * 1.5
        labels = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).cumsum(1) > rng.random((num_images, 1))
        return predictions_of(sureness * logits, labels.argmax(1))

    return replace(draw(2000, 1), validation=draw(3000, 0))


def test_the_temperature_is_that_of_a_search_and_near_the_true_one(made):
    found = temperature_scaling.temperature(made)
    assert found == pytest.approx(3, rel=0.1)
    logits, labels = torch.tensor(made.validation.logits), torch.tensor(made.validation.labels)
    grid = np.linspace(2.5, 3.5, 2001)
    losses = [float(functional.cross_entropy(logits.double() / t, labels)) for t in grid]
    assert found == pytest.approx(grid[int(np.argmin(losses))], abs=1e-3)


def test_probabilities_at_the_temperature_are_better_calibrated(made):
    plain = replace(made, validation=None)
    assert temperature_scaling.scaled_nll(made) < 0.8 * temperature_scaling.probability.nll(plain)
    assert temperature_scaling.scaled_calibration_error(
        made
    ) < 0.25 * temperature_scaling.probability.expected_calibration_error(plain)
    assert temperature_scaling.scaled_nll_of_images(made).mean() == pytest.approx(temperature_scaling.scaled_nll(made))


def test_without_validation_predictions_all_of_it_is_undefined(made):
    alone = replace(made, validation=None)
    for compute in (
        temperature_scaling.temperature,
        temperature_scaling.scaled_nll,
        temperature_scaling.scaled_calibration_error,
    ):
        assert math.isnan(compute(alone))
    assert np.isnan(temperature_scaling.scaled_nll_of_images(alone)).all()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(2, 6), st.sampled_from([1e-3, 1.0, 50.0]))
def test_the_order_of_classes_and_so_the_accuracy_stay_to_the_bit(seed, num_classes, size):
    from zoo import Predictions

    rng = np.random.default_rng(seed)

    def draw():
        logits = (size * rng.normal(size=(40, num_classes))).astype(np.float32)
        logits[::7] = np.nextafter(logits[::7, :1], np.float32(np.inf))  # ties, and neighbours of what follows
        logits[3::7, 0] = np.nextafter(logits[3::7, 1], np.float32(np.inf))
        return Predictions(
            logits=logits, labels=rng.integers(0, num_classes, 40), classes=tuple(map(str, range(num_classes)))
        )

    plain = draw()
    scaled = temperature_scaling.scaled(replace(plain, validation=draw()))
    assert scaled is not None
    for each in (plain, scaled):
        assert each.logits.shape == (40, num_classes)
    top = [each.logits == each.logits.max(axis=1, keepdims=True) for each in (plain, scaled)]
    assert np.array_equal(*top)


@pytest.mark.parametrize(
    ("label", "expected"), [(0, 1 / temperature_scaling.HOTTEST), (1, temperature_scaling.HOTTEST)]
)
def test_images_that_are_all_right_or_all_wrong_leave_it_within_its_bounds(predictions_of, label, expected):
    assert temperature_scaling.fitted(predictions_of([[1, 0]] * 5, [label] * 5)) == pytest.approx(expected)


def test_equal_logits_fit_at_any_temperature(predictions_of):
    assert temperature_scaling.fitted(predictions_of([[2, 2]] * 5, [0] * 5)) == 1


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10**6), st.integers(2, 6), st.floats(0.01, 1000), st.integers(2, 60))
def test_the_temperature_is_that_of_scipy(seed, num_classes, size, num_images):
    from zoo import Predictions

    rng = np.random.default_rng(seed)
    logits = size * rng.standard_t(2, size=(num_images, num_classes))
    labels = np.where(rng.random(num_images) < 0.6, logits.argmax(1), rng.integers(0, num_classes, num_images))
    validation = Predictions(
        logits=logits.astype(np.float32), labels=labels, classes=tuple(map(str, range(num_classes)))
    )

    def slope(log_temperature):
        logits_NK = validation.logits.astype(np.float64)
        probabilities_NK = softmax(logits_NK / math.exp(log_temperature), axis=1)
        own_N = logits_NK[np.arange(num_images), labels]
        return ((probabilities_NK * logits_NK).sum(1) - own_N).mean()

    ends = [-math.log(temperature_scaling.HOTTEST), math.log(temperature_scaling.HOTTEST)]
    found = math.log(temperature_scaling.fitted(validation))
    if slope(ends[0]) * slope(ends[1]) < 0:
        root = brentq(slope, *ends, xtol=1e-13)
        # Where it hardly depends on the temperature, rounding decides.
        assert found == pytest.approx(root, abs=1e-7) or abs(slope(found)) <= 1e-12 * size
    else:
        assert found == pytest.approx(ends[0] if slope(ends[0]) <= 0 else ends[1])
