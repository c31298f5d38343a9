"""The column of a metric: as a catalog declares it, or guessed from its name without a catalog."""

from __future__ import annotations

from typing import Any

from reports.leaderboard.cells import spread_text
from reports.leaderboard.column import Column
from reports.leaderboard.table import Row
from zoo.text import one_line

# Metrics of records that are shares, and metrics of which lower is better, known without a catalog.
_PERCENT = (
    "balanced_accuracy",
    "weighted_f1",
    "macro_precision",
    "macro_recall",
    "top3",
    "top5",
    "calibration_error",
    "binary_f1",
)
_LOWER_IS_BETTER = ("nll", "brier", "calibration_error")


def metric_column(
    name: str, *, title: str, about: str, unit: str, higher_is_better: bool, priority: int, default: bool = False
) -> Column:
    """Return a column with the mean and spread of a scalar metric over seeds; *unit* is ``%`` for a share."""

    def plain(row: Row) -> dict[str, Any]:
        estimate = row.metrics.get(name)
        return {
            name: None if estimate is None else estimate.mean,
            f"{name}_sd": None if estimate is None else estimate.sd,
        }

    def value(row: Row) -> float | None:
        estimate = row.metrics.get(name)
        return None if estimate is None else estimate.mean

    scale = 100.0 if unit == "%" else 1.0
    return Column(
        key=name,
        title=title,
        about=about,
        text=lambda row: spread_text(row.metrics.get(name), scale),
        plain=plain,
        value=value,
        higher_is_better=higher_is_better,
        priority=priority,
        default=default,
    )


def undeclared_column(name: str) -> Column:
    """Return the column of a metric that no catalog declares."""
    is_percent = name in _PERCENT
    title = one_line(name.replace("_", " "))
    return metric_column(
        name,
        title=f"{title} %" if is_percent else title,
        about=title,
        unit="%" if is_percent else "",
        higher_is_better=name not in _LOWER_IS_BETTER,
        priority=45,
    )
