"""Learning curves: loss and accuracy by epoch, as the mean over seeds with the band from the lowest to the highest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.records.history import read_history
from harness.records.store import HISTORY_FILE
from reports.site.entries import BoardEntry

MOST_POINTS = 200
"""Number of points of a curve on the page of a row."""
MOST_OVERLAID = 60
"""Number of points of a curve on the page that compares rows."""
ROOM = 24_000
"""Number of points of all curves of a page that compares rows; with more rows, each has fewer."""
QUANTITIES = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """A quantity over the epochs."""

    epochs: tuple[int, ...]
    mean: tuple[float, ...]
    """Means over the seeds that have the epoch."""
    low: tuple[float, ...]
    high: tuple[float, ...]
    num_seeds: tuple[int, ...]
    """Number of seeds that have each epoch; seeds may stop early."""

    def thinned(self, most: int) -> Curve:
        """Return the curve with at most *most* points, the last one among them."""
        count = len(self.epochs)
        if count <= most:
            return self
        kept = sorted({round(index * (count - 1) / (most - 1)) for index in range(most)})
        return Curve(
            epochs=tuple(self.epochs[index] for index in kept),
            mean=tuple(self.mean[index] for index in kept),
            low=tuple(self.low[index] for index in kept),
            high=tuple(self.high[index] for index in kept),
            num_seeds=tuple(self.num_seeds[index] for index in kept),
        )


Curves = Mapping[str, Curve]
"""Curves of a row by quantity; those that no seed has are absent."""


def curves_of(entry: BoardEntry) -> Curves:
    """Return the curves of a row over its finished seeds."""
    histories = [_epochs(folder) for folder, _ in entry.done]
    return {name: curve for name in QUANTITIES if (curve := _curve(histories, name)) is not None}


def row_charts(curves: Curves) -> dict[str, Any]:
    """Return the charts of a row: ``loss`` and ``accuracy``, each with training and validation."""
    charts: dict[str, Any] = {}
    for kind, title in (("loss", "loss"), ("accuracy", "accuracy, %")):
        series = [
            {"label": label, "colour": colour, "dashed": colour > 0, **_points(curves[name], MOST_POINTS)}
            for colour, (name, label) in enumerate(((f"val_{kind}", "validation"), (f"train_{kind}", "training")))
            if name in curves
        ]
        charts[kind] = {"series": series, "yTitle": title, "isShare": kind == "accuracy", "hasScales": True}
    return charts


def overlaid(curves: Sequence[Curves]) -> list[dict[str, Any]]:
    """Return the curves of each row of a page that compares rows, as plain data."""
    shown = ("val_accuracy", "val_loss", "train_loss")
    most = max(8, min(MOST_OVERLAID, ROOM // max(len(curves) * len(shown), 1)))
    return [{name: _points(each[name], most) for name in shown if name in each} for each in curves]


def _points(curve: Curve, most: int) -> dict[str, Any]:
    kept = curve.thinned(most)
    points: dict[str, Any] = {"x": kept.epochs, "y": _short(kept.mean)}
    if max(kept.num_seeds) > 1:
        points |= {"low": _short(kept.low), "high": _short(kept.high), "seeds": kept.num_seeds}
    return points


def _curve(histories: Sequence[Mapping[int, Mapping[str, Any]]], name: str) -> Curve | None:
    values: dict[int, list[float]] = {}
    for history in histories:
        for epoch, row in history.items():
            value = row.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                values.setdefault(epoch, []).append(float(value))
    if not values:
        return None
    epochs = sorted(values)
    return Curve(
        epochs=tuple(epochs),
        mean=tuple(sum(values[epoch]) / len(values[epoch]) for epoch in epochs),
        low=tuple(min(values[epoch]) for epoch in epochs),
        high=tuple(max(values[epoch]) for epoch in epochs),
        num_seeds=tuple(len(values[epoch]) for epoch in epochs),
    )


def _epochs(folder: Path) -> dict[int, dict[str, Any]]:
    """Return the rows of a history by epoch; none if it cannot be read, since a site can do without."""
    try:
        rows = read_history(folder / HISTORY_FILE)
    except OSError:
        return {}
    return {row["epoch"]: row for row in rows if row.get("event") == "epoch" and isinstance(row.get("epoch"), int)}


def _short(values: Sequence[float]) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
