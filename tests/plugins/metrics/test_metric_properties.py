"""What holds of every metric: bounds, row order, chance, ties, and what is not defined."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from plugins.metrics.classification import zoo_metrics
from zoo import Predictions

METRICS = {metric.name: metric for metric in zoo_metrics()}
SCALARS = [metric for metric in METRICS.values() if metric.kind == "scalar"]


def predictions_of(logits, labels) -> Predictions:
    logits = np.asarray(logits, dtype=np.float32)
    return Predictions(
        logits=logits,
        labels=np.asarray(labels, dtype=np.int64),
        classes=tuple(f"class{k}" for k in range(logits.shape[1])),
    )


@st.composite
def any_predictions(draw) -> Predictions:
    images, classes = draw(st.integers(1, 30)), draw(st.integers(2, 8))
    few = st.sampled_from([-(2.0**100), -2.0, 0.0, 0.5, 2.0, 2.0**100])  # many ties
    values = draw(st.sampled_from([few, st.floats(-(2.0**100), 2.0**100, width=32)]))
    logits = draw(npst.arrays(np.float32, (images, classes), elements=values))
    labels = draw(npst.arrays(np.int64, images, elements=st.integers(0, classes - 1)))
    return predictions_of(logits, labels)


def applicable(predictions: Predictions):
    return [metric for metric in METRICS.values() if not metric.binary_only or len(predictions.classes) == 2]


@given(any_predictions())
@settings(max_examples=150, deadline=None)
def test_every_value_is_within_its_bounds_or_nan(predictions):
    for metric in applicable(predictions):
        values = np.asarray(metric.compute(predictions), dtype=float)
        low, high = metric.bounds
        defined = values[~np.isnan(values)]
        assert ((defined >= low - 1e-9) & (defined <= high + 1e-9)).all(), metric.name


@given(any_predictions(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_no_value_depends_on_the_order_of_images(predictions, random):
    order = list(range(len(predictions.labels)))
    random.shuffle(order)
    shuffled = predictions_of(predictions.logits[order], predictions.labels[order])
    for metric in applicable(predictions):
        np.testing.assert_allclose(
            metric.compute(shuffled), metric.compute(predictions), rtol=1e-9, atol=1e-12, err_msg=metric.name
        )


@given(any_predictions(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_no_overall_value_depends_on_the_order_of_more_than_two_classes(predictions, random):
    k = len(predictions.classes)
    if k == 2:
        return
    order = list(range(k))
    random.shuffle(order)
    renamed = predictions_of(predictions.logits[:, order], np.argsort(order)[predictions.labels])
    for metric in SCALARS:
        if metric.binary_only or metric.name == "roc_auc":
            continue
        np.testing.assert_allclose(
            metric.compute(renamed), metric.compute(predictions), rtol=1e-9, atol=1e-12, err_msg=metric.name
        )


def balanced_labels(classes: int, order: str) -> np.ndarray:
    labels = np.repeat(np.arange(classes), 3000 // classes)
    return {"sorted": labels, "reversed": labels[::-1], "shuffled": np.random.default_rng(0).permutation(labels)}[order]


CHANCE = {
    # for K balanced classes
    "accuracy": lambda k: 1 / k,
    "balanced_accuracy": lambda k: 1 / k,
    "macro_recall": lambda k: 1 / k,
    "matthews_corrcoef": lambda k: 0.0,
    "roc_auc": lambda k: 0.5,
    "top3": lambda k: 3 / k if k > 3 else math.nan,
    "top5": lambda k: 5 / k if k > 5 else math.nan,
    "average_precision": lambda k: 0.5,
}
OF_A_SPREAD = {"macro_precision": lambda k: 1 / k, "macro_f1": lambda k: 1 / k, "weighted_f1": lambda k: 1 / k}
# Class 0 always: precision is 1/K for class 0 and 0 for the others; F1 is (2/K)/(1 + 1/K) for class 0.
OF_CLASS_0 = {
    "macro_precision": lambda k: 1 / k**2,
    "macro_f1": lambda k: 2 / (k + 1) / k,
    "weighted_f1": lambda k: 2 / (k + 1) / k,
}


@pytest.mark.parametrize("order", ["sorted", "reversed", "shuffled"])
@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("model", ["constant", "random", "always class 0"])
def test_an_untrained_model_scores_at_chance_on_every_metric_in_any_row_order(model, classes, order):
    """mteb#5092: a constant scorer got a perfect score by the order in which ties were broken."""
    labels = balanced_labels(classes, order)
    shape = (len(labels), classes)
    logits = {
        "constant": np.zeros(shape),
        "random": np.random.default_rng(1).normal(size=shape),
        "always class 0": np.tile(np.eye(classes)[0], (len(labels), 1)),
    }[model]
    predictions = predictions_of(logits, labels)
    tolerance = 0.035 if model == "random" else 1e-9
    if model == "always class 0":
        # its other logits tie, so beyond the first place it orders classes at random
        chance = {**CHANCE, **OF_CLASS_0}
    else:
        chance = {**CHANCE, **OF_A_SPREAD}
    for metric in SCALARS:
        if metric.name in chance and not (metric.binary_only and classes != 2):
            value = metric.compute(predictions)
            expected = chance[metric.name](classes)
            assert value == pytest.approx(expected, abs=tolerance, nan_ok=True), metric.name
    if model == "constant":
        assert METRICS["nll"].compute(predictions) == pytest.approx(math.log(classes))
        assert METRICS["brier"].compute(predictions) == pytest.approx(0.25 if classes == 2 else 1 - 1 / classes)
        assert METRICS["calibration_error"].compute(predictions) == pytest.approx(0.0, abs=1e-6)
        assert METRICS["debiased_calibration_error"].compute(predictions) == pytest.approx(0.0, abs=1e-6)
    if classes == 2 and model == "constant":
        assert METRICS["binary_f1"].compute(predictions) == pytest.approx(0.5)
        assert math.isnan(METRICS["best_threshold"].compute(predictions))


def test_every_scalar_metric_has_a_stated_chance_level():
    """A metric added without one would escape the test above."""
    elsewhere = {"nll", "brier", "calibration_error", "debiased_calibration_error", "binary_f1", "best_threshold"}
    elsewhere |= {"calibration_floor", "temperature"}  # the expected noise and what is chosen have no chance level
    elsewhere |= {"scaled_nll", "scaled_calibration_error", "aurc", "coverage_at_95", "coverage_at_99"}
    assert {metric.name for metric in SCALARS} == set(CHANCE) | set(OF_A_SPREAD) | elsewhere


def test_default_metrics_do_without_scipy_which_each_trial_would_wait_for():
    code = """if True:
        import sys
        import numpy as np
        from zoo import Predictions
        from zoo.loading import Sources, build_catalog

        def draw():
            return np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 3

        given = dict(classes=("a", "b", "c"))
        validation = Predictions(logits=draw()[0], labels=draw()[1], **given)
        predictions = Predictions(logits=draw()[0], labels=draw()[1], validation=validation, **given)
        values = [entry.record.compute(predictions) for entry in build_catalog(Sources()).metrics]
        print(len(values), "scipy" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, has_scipy = done.stdout.split()
    assert (int(count) > 10, has_scipy) == (True, "False")
