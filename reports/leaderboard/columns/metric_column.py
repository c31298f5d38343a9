"""The column of a metric: as a catalog declares it, or guessed from its name without a catalog."""

from __future__ import annotations

from typing import Any

from reports.leaderboard.columns.cells import interval_of, spread_text
from reports.leaderboard.columns.column import Column
from reports.leaderboard.table import Row
from zoo.metric import Metric
from zoo.text import one_line

# Metrics of records that are shares, and metrics for which lower is better, known without a catalog.
_PERCENT = (
    "balanced_accuracy",
    "weighted_f1",
    "macro_precision",
    "macro_recall",
    "top3",
    "top5",
    "calibration_error",
    "debiased_calibration_error",
    "calibration_floor",
    "scaled_calibration_error",
    "coverage_at_95",
    "coverage_at_99",
    "binary_f1",
)
_LOWER_IS_BETTER = (
    "nll",
    "brier",
    "calibration_error",
    "debiased_calibration_error",
    "calibration_floor",
    "temperature",
    "scaled_nll",
    "scaled_calibration_error",
    "aurc",
)


_WORDS = {"f1": "F1", "nll": "NLL", "aurc": "AURC", "auc": "AUC", "roc": "ROC", "brier": "Brier", "top1": "top-1"}
_WORDS |= {"top3": "top-3", "top5": "top-5", "matthews": "Matthews"}


def metric_title(name: str, unit: str) -> str:
    """Return the heading of a metric: its name in words, acronyms in capitals, with its unit."""
    words = [_WORDS.get(word, word) for word in name.split("_")]
    return " ".join([*words, "%"] if unit == "%" else words)


def metric_column(
    name: str,
    *,
    title: str,
    about: str,
    unit: str,
    higher_is_better: bool,
    priority: int,
    default: bool = False,
    metric: Metric | None = None,
) -> Column:
    """Return a column with the mean and spread of a scalar metric over seeds, and its interval if it is known.

    Args:
        name: Name of the metric.
        title: Heading, with the unit.
        about: Description in one line.
        unit: ``%`` for a share.
        higher_is_better: Whether higher values are better.
        priority: See :attr:`Column.priority`.
        default: Whether the column is shown unless columns are chosen.
        metric: The metric as a catalog declares it; without it, its ranks cannot be tested.
    """

    def plain(row: Row) -> dict[str, Any]:
        estimate = row.metrics.get(name)
        fields = (("", "mean"), ("_sd", "sd"), ("_low", "low"), ("_high", "high"))
        return {f"{name}{suffix}": getattr(estimate, field, None) for suffix, field in fields}

    def value(row: Row) -> float | None:
        estimate = row.metrics.get(name)
        return None if estimate is None else estimate.mean

    scale = 100.0 if unit == "%" else 1.0

    def text(row: Row) -> str:
        estimate = row.metrics.get(name)
        return " ".join(filter(None, [spread_text(estimate, scale), interval_of(estimate, scale)]))

    return Column(
        key=name,
        title=title,
        about=about,
        text=text,
        plain=plain,
        value=value,
        higher_is_better=higher_is_better,
        priority=priority,
        default=default,
        metric=metric,
    )


def undeclared_column(name: str) -> Column:
    """Return the column of a metric that no catalog declares."""
    is_percent = name in _PERCENT
    unit = "%" if is_percent else ""
    return metric_column(
        name,
        title=one_line(metric_title(name, unit)),
        about=one_line(name.replace("_", " ")),
        unit=unit,
        higher_is_better=name not in _LOWER_IS_BETTER,
        priority=45,
    )
