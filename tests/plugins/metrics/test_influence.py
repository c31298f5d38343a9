"""The influence of each image: its mean is the metric, and leaving images out, DeLong and a bootstrap agree with it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from plugins.metrics.classification import zoo_metrics
from zoo.metric import Predictions

METRICS = {metric.name: metric for metric in zoo_metrics() if metric.influence is not None}
# What is scaled needs validation predictions, and has its tests in test_scaling.
OF_TWO = [name for name, metric in METRICS.items() if metric.of_influence is None and name != "scaled_nll"]
OF_MANY = [name for name in OF_TWO if not METRICS[name].binary_only]
CASES = ["random", "skewed", "one class predicted", "class never predicted", "absent class", "huge logits"]
BINARY = ["two classes", "two classes, coarse scores"]


def test_all_scalar_metrics_have_an_influence_or_are_not_smooth():
    scalars = [metric for metric in zoo_metrics() if metric.kind == "scalar"]
    untested = {metric.name for metric in scalars if metric.influence is None}
    thresholds = {"best_threshold", "coverage_at_95", "coverage_at_99", "temperature"}
    assert untested == {"calibration_error", "scaled_calibration_error", "calibration_floor"} | thresholds


@pytest.mark.parametrize("name", CASES + BINARY)
def test_its_mean_is_the_metric(name, case):
    predictions = case(name)
    for metric in METRICS.values():
        if metric.binary_only and len(predictions.classes) > 2:
            continue
        value = metric.compute(predictions)
        if not np.isnan(value):
            influence = metric.influence(predictions)
            assert influence.shape == predictions.labels.shape
            mean = influence.mean() if metric.of_influence is None else metric.of_influence(influence.mean())
            assert mean == pytest.approx(value, rel=1e-9, abs=1e-12), metric.name


def without(predictions, image):
    kept = np.arange(len(predictions.labels)) != image
    return Predictions(logits=predictions.logits[kept], labels=predictions.labels[kept], classes=predictions.classes)


@pytest.mark.parametrize(
    ("name", "metrics"), [("random", OF_MANY), ("two classes", OF_TWO), ("two classes, coarse scores", OF_TWO)]
)
def test_leaving_an_image_out_moves_the_metric_by_its_influence(name, metrics, case):
    predictions = case(name)
    num_images = len(predictions.labels)
    images = np.random.default_rng(0).choice(num_images, 60, replace=False)
    for each in metrics:
        metric = METRICS[each]
        value, influence = metric.compute(predictions), metric.influence(predictions)
        if np.isnan(value):
            continue
        left_out = np.array([metric.compute(without(predictions, image)) for image in images])
        moved = (num_images - 1) * (value - left_out)
        spread = influence.std()
        np.testing.assert_allclose(
            moved, influence[images] - value, atol=0.06 * spread + 0.03 * np.abs(moved).max(), err_msg=each
        )


def test_the_variance_of_roc_auc_is_that_of_delong_by_pairs(case):
    """The kernel over all pairs of a positive and a negative, averaged over each side."""
    predictions = case("two classes, coarse scores")
    scores, positive = predictions.logits[:, 1] - predictions.logits[:, 0], predictions.labels == 1
    kernel = (scores[positive][:, None] > scores[~positive]) + 0.5 * (scores[positive][:, None] == scores[~positive])
    expected = kernel.mean(axis=1).var() / positive.sum() + kernel.mean(axis=0).var() / (~positive).sum()
    influence = METRICS["roc_auc"].influence(predictions)
    assert influence.var() / len(influence) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", sorted(OF_TWO))
def test_its_spread_is_the_standard_error_of_scipys_bootstrap(name, case):
    metric = METRICS[name]
    predictions = case("two classes" if metric.binary_only or name == "roc_auc" else "random")
    if name in ("top3", "top5"):
        predictions = case("random")

    def resampled(images):
        drawn = images.astype(int)
        return metric.compute(
            Predictions(logits=predictions.logits[drawn], labels=predictions.labels[drawn], classes=predictions.classes)
        )

    images = (np.arange(len(predictions.labels)),)
    found = stats.bootstrap(
        images, resampled, n_resamples=400, vectorized=False, method="percentile", rng=np.random.default_rng(1)
    )
    influence = metric.influence(predictions)
    # 400 resamples leave 3.5 % of noise.
    assert influence.std() / len(influence) ** 0.5 == pytest.approx(found.standard_error, rel=0.15)
