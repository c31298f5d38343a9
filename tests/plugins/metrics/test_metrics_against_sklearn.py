"""Every metric against scikit-learn, on random and on awkward predictions."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

from zoo import Predictions


def predictions_of(logits, labels) -> Predictions:
    logits = np.asarray(logits, dtype=np.float32)
    return Predictions(
        logits=logits,
        labels=np.asarray(labels, dtype=np.int64),
        classes=tuple(f"class{k}" for k in range(logits.shape[1])),
    )


def case(name: str) -> Predictions:
    """Predictions without ties among the highest logits, for scikit-learn breaks these by order."""
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 7, size=400)
    random = rng.normal(size=(400, 7)) + 1.5 * np.eye(7)[labels]
    match name:
        case "random":
            return predictions_of(random, labels)
        case "skewed":
            skewed = rng.choice(7, p=[0.6, 0.2, 0.1, 0.04, 0.03, 0.02, 0.01], size=400)
            return predictions_of(rng.normal(size=(400, 7)) + np.eye(7)[skewed], skewed)
        case "perfect":
            return predictions_of(20 * np.eye(7)[labels] + rng.normal(size=(400, 7)), labels)
        case "one class predicted":
            return predictions_of(random + 15 * np.eye(7)[3], labels)
        case "class never predicted":
            return predictions_of(random - 15 * np.eye(7)[3], labels)
        case "absent class":
            return predictions_of(random, np.where(labels == 2, 0, labels))
        case "absent and never predicted class":
            return predictions_of(random - 15 * np.eye(7)[2], np.where(labels == 2, 0, labels))
        case "huge logits":
            return predictions_of(random * 1e6, labels)
        case "one label":
            return predictions_of(random, np.full(400, 4))
        case "two classes":
            two = rng.choice(2, p=[0.8, 0.2], size=300)
            return predictions_of(rng.normal(size=(300, 2)) + np.eye(2)[two], two)
        case "two classes, huge logits":
            two = rng.integers(0, 2, size=300)
            return predictions_of((rng.normal(size=(300, 2)) + np.eye(2)[two]) * 1e5, two)
        case "two classes, coarse scores":
            two = rng.integers(0, 2, size=300)
            scores = np.round(rng.normal(size=300) + two) + 0.25
            return predictions_of(np.stack([np.zeros(300), scores], axis=1), two)
    raise AssertionError(name)


MULTI = [
    "random",
    "skewed",
    "perfect",
    "one class predicted",
    "class never predicted",
    "absent class",
    "absent and never predicted class",
    "huge logits",
    "one label",
]
BINARY = ["two classes", "two classes, huge logits", "two classes, coarse scores"]


@pytest.mark.parametrize("name", MULTI + BINARY)
def test_numbers_from_the_confusion_matrix_agree_with_scikit_learn(name, compute):
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


@pytest.mark.parametrize("name", [name for name in MULTI if name != "one label"])
def test_top_k_agrees_with_scikit_learn(name, compute):
    predictions = case(name)
    for k in (3, 5):
        expected = sk.top_k_accuracy_score(predictions.labels, predictions.logits, k=k, labels=range(7))
        assert compute(f"top{k}", predictions) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["random", "skewed", "perfect", "one class predicted", "class never predicted"])
def test_multi_class_roc_auc_agrees_with_scikit_learn(name, compute):
    predictions = case(name)
    probabilities = predictions.probabilities
    expected = sk.roc_auc_score(predictions.labels, probabilities, multi_class="ovr", average="macro")
    assert compute("roc_auc", predictions) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", BINARY)
def test_binary_scores_agree_with_scikit_learn(name, compute):
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


@pytest.mark.parametrize("name", [*MULTI, *BINARY])
def test_nll_and_brier_agree_with_scikit_learn(name, compute):
    predictions = case(name)
    k = len(predictions.classes)
    scores = predictions.probabilities if k > 2 else predictions.probabilities[:, 1]
    brier = sk.brier_score_loss(predictions.labels, scores, labels=range(k), scale_by_half="auto")
    assert compute("brier", predictions) == pytest.approx(brier)
    if "huge" not in name:  # scikit-learn clips probabilities; ours goes by the logits
        nll = sk.log_loss(predictions.labels, predictions.probabilities, labels=range(k))
        assert compute("nll", predictions) == pytest.approx(nll, rel=1e-6)


def test_nll_of_a_confident_mistake_is_its_margin_and_not_infinite(compute):
    predictions = predictions_of([[1e4, 0.0]], [1])
    assert compute("nll", predictions) == pytest.approx(1e4)


def test_roc_auc_tells_confident_scores_apart_that_round_to_the_same_probability(compute):
    predictions = predictions_of([[0, 50], [0, 60], [0, 70], [0, 80]], [0, 0, 1, 1])
    assert compute("roc_auc", predictions) == 1.0
    more = predictions_of([[0, 50, 0], [0, 60, 0], [0, 70, 0], [90, 0, 0], [0, 0, 90]], [0, 2, 1, 0, 2])
    assert np.isfinite(compute("roc_auc", more))


def test_calibration_error_of_a_case_worked_by_hand(compute):
    # Confidence 0.75 with 3 of 4 right, confidence 0.9 with 0 of 2 right: (4·0 + 2·0.9) / 6.
    logits = [[np.log(3), 0]] * 4 + [[np.log(9), 0]] * 2
    predictions = predictions_of(logits, [0, 0, 0, 1, 1, 1])
    assert compute("calibration_error", predictions) == pytest.approx(0.3, abs=1e-6)
