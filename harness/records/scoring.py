"""Scoring: metrics of a trial's test predictions, computed separately, so that a broken metric affects no other."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from harness.records.record import MetricValue
from harness.records.record_checks import MAX_MAGNITUDE
from zoo.calling.containment import cause_of, contained
from zoo.catalog import Entry
from zoo.metric import Metric, Predictions

_TOLERANCE = 1e-9  # how far rounding may push a value past its bounds, relative to their size


class Scores(NamedTuple):
    """The metrics of a trial's predictions."""

    values: dict[str, MetricValue]
    """Values by the metric's display name; None if a value is undefined or could not be computed."""
    problems: tuple[str, ...]
    """A sentence for each metric that raised or returned an invalid value."""


def score(predictions: Predictions, metrics: Iterable[Entry[Metric]]) -> Scores:
    """Compute every metric that applies to *predictions*.

    Metrics for two classes are left out if there are more classes, metrics of scores if only the predicted classes are
    known, and metrics that need what the predictions do not have. NaN, which means "undefined", becomes None.
    """
    values: dict[str, MetricValue] = {}
    problems: list[str] = []
    num_classes = len(predictions.classes)
    for entry in metrics:
        metric = entry.record
        if (metric.binary_only and num_classes != 2) or (metric.needs_scores and not predictions.has_scores):
            continue
        if metric.lacks(predictions):
            continue
        value = None
        try:
            # Silence numpy's warnings: undefined values are NaN, and shown as missing.
            doing = f"computing metric {entry.full_name!r}"
            with np.errstate(all="ignore"), contained(doing, entry.provider):
                value = checked_value(metric, metric.compute(own_predictions(predictions, entry)), num_classes)
        except Exception as error:  # a plugin's code may raise anything
            problems.append(f"metric {entry.full_name!r} has no value: {_cause(error)}")
        values[entry.display_name] = MetricValue(value=value, version=metric.version)
    return Scores(values, tuple(problems))


def asked_by(metrics: Iterable[Entry[Metric]]) -> frozenset[str]:
    """Return what to save beside logits and labels: the class hierarchy, and what one of the metrics asks for.

    Ids are often names of private files, and saved predictions are published, so they are saved only if they are used.
    """
    return frozenset({"hierarchy"}).union(*(entry.record.needs for entry in metrics))


def own_predictions(predictions: Predictions, entry: Entry[Metric]) -> Predictions:
    """Return predictions with what one metric needs: a copy for a plugin's, which may write into what is read-only.

    A tensor that shares its memory with an array can be written, whatever the array says.
    """
    limited = predictions.limited_to(entry.record.needs)
    return limited if entry.provider.origin == "built-in" else _copied(limited)


def _copied(predictions: Predictions) -> Predictions:
    return replace(
        predictions,
        logits=predictions.logits.copy(),
        labels=predictions.labels.copy(),
        samples=None if predictions.samples is None else predictions.samples.copy(),
        groups=None if predictions.groups is None else predictions.groups.copy(),
        features=None if predictions.features is None else predictions.features.copy(),
        # Anew, since it keeps the distances between classes.
        hierarchy=None if predictions.hierarchy is None else replace(predictions.hierarchy),
        validation=None if predictions.validation is None else _copied(predictions.validation),
    )


def _cause(error: Exception) -> str:
    said = cause_of(error)
    if isinstance(error, ValueError) and said.endswith("read-only"):
        return f"it writes into the predictions; it must copy them first ({said})"
    return said


def checked_value(metric: Metric, raw: Any, num_classes: int) -> Any:
    """Convert *raw* for JSON: a float or None, or nested lists of these, in the shape of the metric's kind.

    Raises:
        ValueError: If *raw* is anything else, or outside the metric's bounds.
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
    low, high = max(low, -MAX_MAGNITUDE), min(high, MAX_MAGNITUDE)
    if not np.isfinite(defined).all() or (defined < low - slack).any() or (defined > high + slack).any():
        raise ValueError(f"values must be in [{low:g}, {high:g}], got {defined.min():g} to {defined.max():g}")
    # Adding zero turns a negative zero into a positive one.
    return _as_json((np.clip(numbers, low, high) + 0.0).tolist())


def _as_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_json(each) for each in value]
    return None if math.isnan(value) else value
