"""Influence: a metric as a mean over test images, so that intervals and tests of means hold for it.

Built-in metrics give the influence of each image by a formula (:attr:`zoo.metric.Metric.influence`). For others, a
fiftieth or less of the images is left out in turn, and each group of images counts as its pseudo-value, ``G T - (G - 1)
T_without`` for G groups (the delete-a-group jackknife; Quenouille, "Notes on bias in estimation", Biometrika 1956;
Shao and Tu, "The jackknife and bootstrap", 1995, which also has the condition: the metric must be smooth).

Shape suffixes: N test images, G groups of them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zoo.calling.containment import cause_of, contained
from zoo.metric import Metric, Predictions

NUM_GROUPS = 100

Floats = NDArray[np.float64]


def has_influence(metric: Metric) -> bool:
    """Tell whether intervals and tests are possible."""
    return metric.kind == "scalar" and metric.is_smooth


def influence_of(metric: Metric, predictions: Predictions) -> Floats | str:
    """Return ``[N]`` or ``[G]`` numbers whose mean is the metric, or a sentence on why there are none.

    Predictions of other networks for the same images, in the same order, have the same groups.
    """
    try:
        with np.errstate(all="ignore"), contained(f"computing the influence of metric {metric.name!r}"):
            if metric.influence is not None:
                numbers = np.asarray(metric.influence(predictions), dtype=np.float64)
                expected = (len(predictions.labels),)
            else:
                numbers = _pseudo_values(metric, predictions)
                expected = numbers.shape
    except Exception as error:  # a plugin's code may raise anything
        return f"its influence cannot be computed: {cause_of(error)}"
    if numbers.shape != expected:
        return f"its influence has the shape {list(numbers.shape)} instead of {list(expected)}"
    return numbers if np.isfinite(numbers).all() else "it is undefined for these test images"


def value_at(metric: Metric, mean: float) -> float | str:
    """Return the metric for a mean of its influence, or a sentence on why there is none."""
    if metric.of_influence is None:
        return mean
    try:
        with np.errstate(all="ignore"), contained(f"converting the influence of metric {metric.name!r}"):
            return float(metric.of_influence(mean))
    except Exception as error:  # a plugin's code may raise anything
        return f"its influence cannot be converted: {cause_of(error)}"


def unseen_variance(metric: Metric, predictions: Predictions, influence_SN: Floats) -> float | str:
    """Return the variance of a metric that comes from classes in which no error was seen; 0 if there are none.

    Thirty images of a class that are all right do not show that the next one will be. As if one more had been wrong
    (the idea of "plus four" intervals; Agresti and Coull, "Approximate is better than exact", 1998), the image of each
    such class that is closest to an error is given the scores of its closest competitor, and the metric moves by the
    root of the variance. Applies to classes whose images all have the same influence.

    Args:
        metric: The metric.
        predictions: Predictions of one of the seeds.
        influence_SN: Influence of each image under each seed.

    Returns:
        The variance, or a sentence on why the metric cannot be computed.
    """
    labels_N = predictions.labels
    if influence_SN.shape[1] != len(labels_N):  # groups of images, which mix the classes
        return 0.0
    means_N = influence_SN.mean(axis=0)
    order = np.argsort(labels_N, kind="stable")
    present_C, starts = np.unique(labels_N[order], return_index=True)
    sorted_N = means_N[order]
    spread_C = np.maximum.reduceat(sorted_N, starts) - np.minimum.reduceat(sorted_N, starts)
    same_C = spread_C <= 1e-9 * max(1.0, float(np.abs(means_N).max()))
    if not same_C.any():
        return 0.0
    logits_NK = np.array(predictions.logits, dtype=np.float64)
    rows = np.arange(len(labels_N))
    own_N = logits_NK[rows, labels_N]
    others_NK = logits_NK.copy()
    others_NK[rows, labels_N] = -np.inf
    rival_N = others_NK.argmax(axis=1)
    margin_N = own_N - others_NK[rows, rival_N]
    weights = []
    for label in present_C[same_C]:
        images = np.flatnonzero(labels_N == label)
        closest = images[margin_N[images].argmin()]
        weights.append(1 / len(images))
        if margin_N[closest] > 0:
            swapped = [labels_N[closest], rival_N[closest]]
            logits_NK[closest, swapped] = logits_NK[closest, swapped[::-1]]
    altered = replace(predictions, logits=logits_NK)
    try:
        with np.errstate(all="ignore"), contained(f"computing metric {metric.name!r}"):
            moved = float(metric.compute(altered)) - float(metric.compute(predictions))
    except Exception as error:  # a plugin's code may raise anything
        return f"it cannot be computed: {cause_of(error)}"
    shares_C = np.array(weights) / sum(weights)
    return moved**2 * float((shares_C**2).sum()) if np.isfinite(moved) else 0.0


def _pseudo_values(metric: Metric, predictions: Predictions) -> Floats:
    """Return ``[G]`` pseudo-values of groups that have their share of each class."""
    num_images = len(predictions.labels)
    num_groups = min(NUM_GROUPS, num_images)
    if num_groups < 2:
        return np.full(1, np.nan)
    group_N = np.empty(num_images, dtype=np.intp)
    group_N[np.argsort(predictions.labels, kind="stable")] = np.arange(num_images) % num_groups

    def value(kept_N: NDArray[np.bool_]) -> float:
        return float(metric.compute(predictions.select(kept_N)))

    whole = value(np.ones(num_images, dtype=bool))
    without_G = np.array([value(group_N != group) for group in range(num_groups)])
    pseudo_G = num_groups * whole - (num_groups - 1) * without_G
    moved_G: Floats = pseudo_G + (whole - pseudo_G.mean())  # the spread is that of the groups, around the value itself
    return moved_G
