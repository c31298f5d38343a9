"""Plots: results as Matplotlib figures, each returned and not shown. Needs the extra ``plots``."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reports.leaderboard.leaderboard import Leaderboard
    from reports.leaderboard.table import Table

_SIZE = (7.0, 4.5)
"""Width and height in inches."""


@dataclass(frozen=True, slots=True)
class Plots:
    """Pictures of results."""

    leaderboard: Leaderboard
    folders: Sequence[Path]
    """Folders of the trials, which hold their histories."""

    def pareto(self, cost: str = "params", *, data: str | None = None) -> Figure:
        """Plot accuracy against a cost, with the Pareto front as a line.

        Args:
            cost: ``params``, ``macs`` or ``inference_speed``.
            data: Dataset of the table to plot; None: the only one, or the first.

        Raises:
            UnknownNameError: If there is no such cost or dataset.
            UsageError: If Matplotlib is not installed.
        """
        from reports.leaderboard.pareto import COSTS, is_on_front
        from reports.leaderboard.table import row_names

        costs = {each.key: each for each in COSTS}
        chosen = costs[_known("cost", cost, costs)]
        table = self._table(data)
        figure, axes = _figure()
        points = []
        for name, row in zip(row_names(table.rows), table.rows, strict=True):
            value, accuracy = chosen.value(row), row.metrics.get("accuracy")
            if value is None or accuracy is None:
                continue
            axes.errorbar(value, 100 * accuracy.mean, yerr=_errors(accuracy), fmt="o", capsize=3, color="C0")
            axes.annotate(name, (value, 100 * accuracy.mean), xytext=(5, 4), textcoords="offset points", fontsize=8)
            if is_on_front(row, chosen.key) is not False:
                points.append((value, 100 * accuracy.mean))
        if len(points) > 1:
            axes.plot(*zip(*sorted(points), strict=True), color="C1", zorder=0, label="Pareto front")
            axes.legend(loc="lower right")
        axes.set(xlabel=chosen.title, ylabel="accuracy %", title=table.data, xscale="log" if points else "linear")
        return figure

    def accuracy(self, *, data: str | None = None) -> Figure:
        """Plot the accuracy of each row with its 95 % interval, best first.

        Raises:
            UnknownNameError: If there is no such dataset.
            UsageError: If Matplotlib is not installed.
        """
        from reports.leaderboard.table import row_names

        table = self._table(data)
        named = [
            (name, row.metrics["accuracy"])
            for name, row in zip(row_names(table.rows), table.rows, strict=True)
            if "accuracy" in row.metrics
        ]
        figure, axes = _figure()
        for place, (_, accuracy) in enumerate(named):
            axes.errorbar(100 * accuracy.mean, place, xerr=_errors(accuracy), fmt="o", capsize=3, color="C0")
        axes.set_yticks(range(len(named)), [name for name, _ in named])
        axes.invert_yaxis()
        axes.set(xlabel="accuracy %, with 95 % interval", title=table.data)
        return figure

    def curves(self, measure: str = "val_accuracy") -> Figure:
        """Plot a measure of every trial over its epochs.

        Args:
            measure: ``train_loss``, ``val_loss``, ``train_accuracy`` or ``val_accuracy``.

        Raises:
            UnknownNameError: If there is no such measure.
            UsageError: If Matplotlib is not installed.
        """
        from reports.pictures.curves import MEASURES, read_curves
        from zoo.errors import StoreError

        _known("measure", measure, MEASURES)
        figure, axes = _figure()
        for folder in dict.fromkeys(self.folders):
            try:
                curves = read_curves(folder)
            except StoreError:  # no epoch has finished, or its history was not copied
                continue
            points = curves.points(measure)
            if points:
                axes.plot(*zip(*points, strict=True), label=curves.title)
        axes.set(xlabel="epoch", ylabel=measure.replace("_", " "))
        if axes.lines:
            axes.legend(fontsize=7)
        return figure

    def _table(self, data: str | None) -> Table:
        from zoo.errors import StoreError

        tables = {table.data: table for table in self.leaderboard.tables}
        if not tables:
            raise StoreError("there are no results to plot")
        return next(iter(tables.values())) if data is None else tables[_known("dataset", data, tables)]


def _errors(accuracy: Any) -> list[list[float]] | None:
    if accuracy.low is None or accuracy.high is None:
        return None
    return [[100 * max(accuracy.mean - accuracy.low, 0)], [100 * max(accuracy.high - accuracy.mean, 0)]]


def _known(kind: str, name: str, names: Any) -> str:
    from zoo.errors import UnknownNameError
    from zoo.names import near_names

    if name not in names:
        raise UnknownNameError(kind, name, near=near_names(name, names), hint=f"({', '.join(names)})")
    return name


def _figure() -> tuple[Figure, Axes]:
    """Return a figure that a notebook shows and that nothing else holds, unlike one of pyplot."""
    from zoo.errors import UsageError

    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError("pictures need Matplotlib: pip install 'zoobench[plots]'") from error

    made: type[Figure] = type("CellFigure", (Figure,), {"_repr_png_": _png})
    figure = made(figsize=_SIZE, layout="constrained")
    return figure, figure.add_subplot()


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight", dpi=110)
    return file.getvalue()
