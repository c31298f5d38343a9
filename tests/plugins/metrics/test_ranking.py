"""Metrics of the order of scores agree with scikit-learn, and treat ties as their expected value."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics as sk

from plugins.metrics import ranking

BINARY = ["two classes", "two classes, huge logits", "two classes, coarse scores"]


@pytest.mark.parametrize(
    "name",
    [
        "random", "skewed", "perfect", "one class predicted", "class never predicted", "absent class",
        "absent and never predicted class", "huge logits",
    ],
)  # fmt: skip
def test_top_k_agrees_with_scikit_learn(name, case, compute):
    predictions = case(name)
    for k in (3, 5):
        expected = sk.top_k_accuracy_score(predictions.labels, predictions.logits, k=k, labels=range(7))
        assert compute(f"top{k}", predictions) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["random", "skewed", "perfect", "one class predicted", "class never predicted"])
def test_multi_class_roc_auc_agrees_with_scikit_learn(name, case, compute):
    predictions = case(name)
    probabilities = predictions.probabilities
    expected = sk.roc_auc_score(predictions.labels, probabilities, multi_class="ovr", average="macro")
    assert compute("roc_auc", predictions) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", BINARY)
def test_binary_scores_agree_with_scikit_learn(name, case, compute):
    predictions = case(name)
    truth = predictions.labels
    margin = predictions.logits.astype(np.float64) @ [-1.0, 1.0]
    assert compute("roc_auc", predictions) == pytest.approx(sk.roc_auc_score(truth, margin))
    assert compute("average_precision", predictions) == pytest.approx(sk.average_precision_score(truth, margin))
    assert compute("binary_f1", predictions) == pytest.approx(sk.f1_score(truth, margin > 0))
    alarms, hits, _ = sk.roc_curve(truth, margin, drop_intermediate=False)
    threshold = compute("best_threshold", predictions)
    chosen = predictions.probabilities[:, 1] >= threshold - 1e-12
    reached = chosen[truth == 1].mean() - chosen[truth == 0].mean()
    if name != "two classes, huge logits":  # there, probabilities round to 0 and 1 and cannot show the threshold
        assert reached == pytest.approx((hits - alarms).max())


def test_roc_auc_distinguishes_confident_scores_that_round_to_the_same_probability(compute, predictions_of):
    predictions = predictions_of([[0, 50], [0, 60], [0, 70], [0, 80]], [0, 0, 1, 1])
    assert compute("roc_auc", predictions) == 1.0
    more = predictions_of([[0, 50, 0], [0, 60, 0], [0, 70, 0], [90, 0, 0], [0, 0, 90]], [0, 2, 1, 0, 2])
    assert np.isfinite(compute("roc_auc", more))


def test_top_k_is_not_defined_where_it_would_be_one_for_any_model(compute, predictions_of):
    assert math.isnan(compute("top5", predictions_of(np.zeros((2, 5)), [0, 1])))
    assert math.isnan(compute("top3", predictions_of(np.zeros((2, 3)), [0, 1])))


def test_metrics_that_need_both_classes_are_nan_without_one_of_them(compute, predictions_of):
    negatives = predictions_of([[1, 0], [0, 1]], [0, 0])
    assert math.isnan(compute("roc_auc", negatives))
    assert math.isnan(compute("average_precision", negatives))
    assert math.isnan(compute("best_threshold", negatives))
    assert math.isnan(compute("roc_auc", predictions_of(np.eye(3)[[0, 1]], [0, 1])))


def test_tied_labels_count_as_their_expected_value(predictions_of):
    # One logit above, three at the label's: of places 2, 3 and 4, the first two count for top-3.
    assert ranking.top_k(3)(predictions_of([[9, 5, 5, 5, 0]], [2])) == pytest.approx(2 / 3)
    assert ranking.roc_auc(predictions_of([[0, 1], [0, 1]], [0, 1])) == 0.5


def test_of_several_best_thresholds_the_one_nearest_a_half_is_chosen(predictions_of):
    # Sensitivity + specificity is 1.5 at probabilities 0.9 and 0.6.
    probabilities = np.array([0.9, 0.7, 0.6, 0.1])
    logits = np.stack([np.zeros(4), np.log(probabilities / (1 - probabilities))], axis=1)
    assert ranking.best_threshold(predictions_of(logits, [1, 0, 1, 0])) == pytest.approx(0.6, abs=1e-6)
