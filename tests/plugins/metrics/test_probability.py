"""Metrics of probabilities agree with scikit-learn and with values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.special import logsumexp

from plugins.metrics import probability

CASES = [
    "random", "skewed", "perfect", "one class predicted", "class never predicted", "absent class",
    "absent and never predicted class", "huge logits", "one label", "two classes", "two classes, huge logits",
    "two classes, coarse scores",
]  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_nll_and_brier_agree_with_scikit_learn(name, case, compute):
    predictions = case(name)
    k = len(predictions.classes)
    scores = predictions.probabilities if k > 2 else predictions.probabilities[:, 1]
    brier = sk.brier_score_loss(predictions.labels, scores, labels=range(k), scale_by_half="auto")
    assert compute("brier", predictions) == pytest.approx(brier)
    if "huge" not in name:  # scikit-learn clips probabilities; ours goes by the logits
        nll = sk.log_loss(predictions.labels, predictions.probabilities, labels=range(k))
        assert compute("nll", predictions) == pytest.approx(nll, rel=1e-6)


def test_nll_of_a_confident_mistake_is_its_margin_and_not_infinite(compute, predictions_of):
    predictions = predictions_of([[1e4, 0.0]], [1])
    assert compute("nll", predictions) == pytest.approx(1e4)


def test_calibration_error_of_a_case_worked_by_hand(compute, predictions_of):
    # Confidence 0.75 with 3 of 4 right, confidence 0.9 with 0 of 2 right: (4·0 + 2·0.9) / 6.
    logits = [[np.log(3), 0]] * 4 + [[np.log(9), 0]] * 2
    predictions = predictions_of(logits, [0, 0, 0, 1, 1, 1])
    assert compute("calibration_error", predictions) == pytest.approx(0.3, abs=1e-6)


def test_a_bin_of_confidence_includes_its_upper_edge(predictions_of):
    # Confidence 0.6 is the upper edge of bin 9 of 15; one of two images is correct, so the gap is 0.1.
    logits = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert probability.NUM_BINS == 15
    assert probability.expected_calibration_error(predictions_of(logits, [0, 1])) == pytest.approx(0.1, abs=1e-6)


@given(npst.arrays(np.float64, (5, 4), elements=st.floats(-800, 800) | st.sampled_from([-math.inf, math.inf])))
def test_log_sum_exp_is_that_of_scipy_and_keeps_small_terms(logits_NK):
    given_NK = logits_NK.copy()
    np.testing.assert_allclose(probability.log_sum_exp(logits_NK), logsumexp(logits_NK, axis=1), rtol=1e-14, atol=1e-14)
    np.testing.assert_array_equal(logits_NK, given_NK)
    assert probability.log_sum_exp(np.array([[0.0, -50.0]]))[0] == pytest.approx(math.exp(-50))
