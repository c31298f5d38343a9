"""Scoring: metrics of a trial's test predictions, each computed for itself, so that a broken one costs only itself."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from harness.records.record import MetricValue
from zoo.catalog import Entry
from zoo.metric import Metric, Predictions

_TOLERANCE = 1e-9  # rounding may carry a value this far past its bounds, relative to their size


class Scores(NamedTuple):
    """What the metrics said of one trial's predictions."""

    values: dict[str, MetricValue]
    """By the metric's display name; a value of None is one that is not defined or could not be computed."""
    problems: tuple[str, ...]
    """A sentence for each metric that raised or returned nonsense."""


def score(predictions: Predictions, metrics: Iterable[Entry[Metric]]) -> Scores:
    """Compute every metric that applies to *predictions*.

    Metrics for two classes are left out where there are more. NaN, which stands for "not defined", becomes None.
    """
    values: dict[str, MetricValue] = {}
    problems: list[str] = []
    num_classes = len(predictions.classes)
    for entry in metrics:
        metric = entry.record
        if metric.binary_only and num_classes != 2:
            continue
        value = None
        try:
            # A metric sees warnings of numpy as numbers: what it does not define is NaN and shown as missing.
            with np.errstate(all="ignore"):
                value = checked_value(metric, metric.compute(predictions), num_classes)
        except Exception as error:  # a plugin's code may raise anything
            what = " ".join(str(error).split())[:300]
            problems.append(f"metric {entry.full_name!r} has no value: {type(error).__name__}: {what}")
        values[entry.display_name] = MetricValue(value=value, version=metric.version)
    return Scores(values, tuple(problems))


def checked_value(metric: Metric, raw: Any, num_classes: int) -> Any:
    """Return *raw* as JSON holds it: a float or None, or nested lists of these, in the shape of the metric's kind.

    Raises:
        ValueError: If it is anything else, or out of the metric's bounds.
    """
    shape = {"scalar": (), "per_class": (num_classes,), "matrix": (num_classes, num_classes)}[metric.kind]
    array = np.asarray(raw)
    if array.shape != shape or array.dtype.kind not in "fiub":
        got = f"{array.dtype} of shape {list(array.shape)}"
        raise ValueError(f"a {metric.kind} metric returns numbers of shape {list(shape)}, not {got}")
    numbers = array.astype(np.float64)
    low, high = metric.bounds
    slack = _TOLERANCE * max([1.0, *(abs(bound) for bound in metric.bounds if math.isfinite(bound))])
    defined = numbers[~np.isnan(numbers)]
    if not np.isfinite(defined).all() or (defined < low - slack).any() or (defined > high + slack).any():
        raise ValueError(f"values must be in [{low:g}, {high:g}], got {defined.min():g} to {defined.max():g}")
    # Adding zero turns a negative zero into a plain one.
    return _as_json((np.clip(numbers, low, high) + 0.0).tolist())


def _as_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_json(each) for each in value]
    return None if math.isnan(value) else value
