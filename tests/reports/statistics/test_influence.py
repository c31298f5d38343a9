"""Influence: intervals and tests of any metric are calibrated, and cases with a known answer."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from reports.statistics.influence import NUM_GROUPS, has_influence, influence_of, unseen_variance, value_at
from reports.statistics.intervals import metric_interval
from reports.statistics.sample import Sample
from zoo.calling.interruption import INTERRUPTION
from zoo.metric import Metric, Predictions

from .metric_worlds import BALANCED, METRICS, RARE, SKEWED, calibration

OF_MANY = ("macro_f1", "balanced_accuracy", "roc_auc", "nll", "brier", "matthews_corrcoef", "weighted_f1")
OF_TWO = ("binary_f1", "balanced_accuracy", "average_precision", "roc_auc", "nll", "brier", "macro_f1")


def test_short_intervals_cover_the_truth_and_equal_models_are_rarely_separated():
    for world, names in ((SKEWED, ("macro_f1", "nll")), (RARE, ("binary_f1", "average_precision"))):
        for name, found in calibration(world, names, num_seeds=3, repeats=60).items():
            assert found.coverage >= 0.88, name
            assert found.separated <= 0.1, name


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("num_seeds", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("world", "names"), [(BALANCED, OF_MANY), (SKEWED, OF_MANY), (RARE, OF_TWO)], ids=["balanced", "skewed", "1:50"]
)
def test_of_100_intervals_93_or_more_cover_the_truth_and_5_equal_pairs_or_fewer_are_separated(world, names, num_seeds):
    # 1,000 repeats leave a standard error of 0.7 points. In a saturated class, with less than one error expected among
    # its images, intervals cover more than 97: one error is assumed.
    for name, found in calibration(world, names, num_seeds=num_seeds, repeats=1000).items():
        assert found.coverage >= 0.93 - 0.015, name
        assert found.separated <= 0.05 + 0.015, name


def predictions_of(logits, labels):
    logits = np.asarray(logits, dtype=np.float32)
    return Predictions(logits=logits, labels=np.asarray(labels), classes=tuple(map(str, range(logits.shape[1]))))


@pytest.fixture(scope="module")
def some():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=500)
    return predictions_of(rng.normal(size=(500, 3)) + 1.5 * np.eye(3)[labels], labels)


def test_groups_of_a_mean_are_their_own_means(some):
    """For a mean over groups of one size, leaving a group out gives back the mean of that group."""
    metric = Metric(name="share", compute=lambda predictions: float((predictions.labels == 0).mean()))
    found = influence_of(metric, some)
    group_N = np.empty(500, dtype=int)
    group_N[np.argsort(some.labels, kind="stable")] = np.arange(500) % NUM_GROUPS
    expected = [(some.labels[group_N == group] == 0).mean() for group in range(NUM_GROUPS)]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("name", ["macro_f1", "roc_auc", "nll"])
def test_leaving_groups_out_gives_the_interval_of_the_formula(name, some):
    formula = METRICS[name]
    by_groups = influence_of(Metric(name="mine", compute=formula.compute, bounds=formula.bounds), some)
    assert len(by_groups) == NUM_GROUPS
    assert by_groups.mean() == pytest.approx(formula.compute(some))
    widths = [
        (interval := metric_interval(Sample.of(each[None]), formula.bounds)).high - interval.low
        for each in (influence_of(formula, some), by_groups)
    ]
    assert widths[1] == pytest.approx(widths[0], rel=0.3)


def test_what_has_no_influence():
    assert not has_influence(Metric(name="best", compute=max, is_smooth=False))
    assert not has_influence(Metric(name="each", compute=max, kind="per_class"))
    assert has_influence(Metric(name="mean", compute=max))


def test_a_metric_that_is_undefined_or_raises_has_a_reason(some):
    assert influence_of(METRICS["roc_auc"], predictions_of(np.eye(3), [0, 0, 1])) == (
        "it is undefined for these test images"
    )
    assert influence_of(Metric(name="broken", compute=lambda _: 1 / 0), some).startswith(
        "its influence cannot be computed: ZeroDivisionError"
    )


def test_a_class_without_an_error_is_uncertain_as_if_one_image_more_were_wrong():
    """30 images of class 1, all right: one wrong among them moves balanced accuracy by 1/60."""
    labels = np.repeat([0, 1], [300, 30])
    logits = np.eye(2)[np.where(np.arange(330) < 10, 1, labels)]
    predictions = predictions_of(logits, labels)
    metric = METRICS["balanced_accuracy"]
    influence_SN = influence_of(metric, predictions)[None]
    assert unseen_variance(metric, predictions, influence_SN) == pytest.approx((1 / 60) ** 2)
    unseen = metric_interval(Sample.of(influence_SN), metric.bounds, unseen=(1 / 60) ** 2)
    seen = metric_interval(Sample.of(influence_SN), metric.bounds)
    assert unseen.low < 0.95 < seen.low


def test_where_each_class_has_errors_nothing_is_unseen(some):
    for name in ("balanced_accuracy", "nll", "roc_auc"):
        influence_SN = influence_of(METRICS[name], some)[None]
        assert unseen_variance(METRICS[name], some, influence_SN) == 0.0


class _UnprintableError(Exception):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: sys.exit(0), "it called sys.exit(0)"),
        (lambda: os._exit(3), "it called os._exit(3)"),
        (lambda: (_ for _ in ()).throw(KeyboardInterrupt), "it raised KeyboardInterrupt"),
        (lambda: (_ for _ in ()).throw(_UnprintableError), "_UnprintableError"),
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
)
def test_a_metric_whose_code_leaves_or_raises_is_a_sentence(some, act, said, monkeypatch):
    """Nobody's metric ends ``zoo rank --sort-by``, or passes for Ctrl-C."""
    monkeypatch.setattr(INTERRUPTION, "explains", lambda count: False)  # as where zoo listens for Ctrl-C
    exact = predictions_of(10 * np.eye(3)[some.labels], some.labels)
    of_means = Metric(name="m", compute=lambda _: act(), influence=lambda _: act(), of_influence=lambda _: act())
    assert said in influence_of(of_means, some)
    assert said in influence_of(Metric(name="m", compute=lambda _: act()), some)
    assert said in value_at(of_means, 0.5)
    assert said in unseen_variance(of_means, exact, np.zeros((1, 500)))
