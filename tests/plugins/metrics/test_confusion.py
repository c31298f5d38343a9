"""Metrics of the confusion matrix agree with scikit-learn, and split tied predictions evenly."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics as sk

CASES = [
    "random", "skewed", "perfect", "one class predicted", "class never predicted", "absent class",
    "absent and never predicted class", "huge logits", "one label", "two classes", "two classes, huge logits",
    "two classes, coarse scores",
]  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_numbers_from_the_confusion_matrix_agree_with_scikit_learn(name, case, compute):
    predictions = case(name)
    truth, chosen = predictions.labels, predictions.logits.argmax(axis=1)
    k = len(predictions.classes)
    expected = {
        "accuracy": sk.accuracy_score(truth, chosen),
        "balanced_accuracy": sk.recall_score(truth, chosen, labels=np.unique(truth), average="macro"),
        "macro_f1": sk.f1_score(truth, chosen, average="macro", zero_division=0),
        "weighted_f1": sk.f1_score(truth, chosen, average="weighted", zero_division=0),
        "macro_precision": sk.precision_score(truth, chosen, average="macro", zero_division=0),
        "macro_recall": sk.recall_score(truth, chosen, average="macro", zero_division=0),
        "matthews_corrcoef": sk.matthews_corrcoef(truth, chosen),
        "confusion": sk.confusion_matrix(truth, chosen, labels=range(k)),
    }
    per_class = {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score}
    for key, function in per_class.items():
        expected[f"per_class_{key}"] = function(truth, chosen, labels=range(k), average=None, zero_division=np.nan)
    expected["per_class_accuracy"] = expected["per_class_recall"]
    for key, value in expected.items():
        np.testing.assert_allclose(compute(key, predictions), value, atol=1e-12, err_msg=key)


def test_tied_classes_share_a_prediction(compute, predictions_of):
    # Two of four classes share the top, and the label is one of them: half an image.
    assert compute("accuracy", predictions_of([[1, 1, 0, 0]], [1])) == 0.5
    assert compute("confusion", predictions_of([[1, 1, 0]], [2])).tolist() == [[0, 0, 0], [0, 0, 0], [0.5, 0.5, 0]]


def test_matthews_correlation_is_zero_if_labels_or_predictions_are_always_the_same_class(compute, predictions_of):
    assert compute("matthews_corrcoef", predictions_of([[1, 0], [1, 0]], [0, 1])) == 0.0
    assert compute("matthews_corrcoef", predictions_of([[1, 0], [0, 1]], [0, 0])) == 0.0
    assert compute("matthews_corrcoef", predictions_of([[1, 0], [0, 1]], [1, 0])) == pytest.approx(-1.0)


def test_a_class_without_images_or_predictions_is_nan_per_class_and_left_out_of_averages(compute, predictions_of):
    predictions = predictions_of([[9, 0, 0], [0, 9, 0]], [0, 1])
    for name in ("per_class_accuracy", "per_class_precision", "per_class_recall", "per_class_f1"):
        values = compute(name, predictions)
        assert values[:2].tolist() == [1.0, 1.0]
        assert math.isnan(values[2])
    assert compute("macro_f1", predictions) == 1.0
    assert compute("balanced_accuracy", predictions) == 1.0
