"""The column, declared once for every format: key, title, numbers, text, and whether higher is better."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reports.leaderboard.table import Row
from reports.statistics.influence import has_influence
from zoo.metric import Metric


class RankBasis(StrEnum):
    """What the ranks of a table sorted by a column are based on."""

    TESTED = "tested"
    """Paired tests."""
    EXACT = "exact"
    """Values without noise, such as a number of parameters."""
    NONE = "none"
    """Values with noise that is not tested: rows are in their order, without ranks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of a table."""

    key: str
    """Name in ``--columns``, in ``--sort-by`` and in files."""
    title: str
    """Heading, with the unit."""
    about: str
    """Description in one line."""
    text: Callable[[Row], str]
    """Returns a formatted cell; empty or a dash if there is no value."""
    plain: Callable[[Row], Mapping[str, Any]]
    """Returns machine-readable cells by key: numbers without rounding, None if there is no value."""
    spread: Callable[[Row], str] | None = None
    """Returns how far the measurements of a cell spread, where the cell has no room for it; empty if unknown."""
    value: Callable[[Row], float | None] | None = None
    """Returns the value that rows are sorted by; None for a column without an order."""
    higher_is_better: bool = True
    priority: int = 50
    """Columns with a high priority number are left out first where the line is too narrow; 0 is always shown."""
    numeric: bool = True
    """Whether cells are aligned to the right."""
    default: bool = True
    """Whether the column is shown unless columns are chosen."""
    only_if_filled: bool = False
    """Whether the column is hidden by default if all its cells are empty."""
    needs_equal_conditions: bool = False
    """Whether values are comparable only between rows measured under the same conditions."""
    is_exact: bool = False
    """Whether values have no noise, so that their order is that of the ranks."""
    is_sampled: bool = False
    """Whether values are means over images, or the lowest of some, so that ranks are tested without a metric."""
    metric: Metric | None = None
    """The metric that it shows, where a catalog declares it: its ranks are tested."""

    @property
    def basis(self) -> RankBasis:
        """What ranks by this column are based on."""
        if self.key == "accuracy" or self.is_sampled or (self.metric is not None and has_influence(self.metric)):
            return RankBasis.TESTED
        return RankBasis.EXACT if self.is_exact else RankBasis.NONE


def simple_column(
    key: str, title: str, about: str, read: Callable[[Row], Any], show: Callable[[Any], str], **options: Any
) -> Column:
    """Return a column of one value, formatted by *show*; rows can be sorted by it if it is numeric."""
    return Column(
        key=key,
        title=title,
        about=about,
        text=lambda row: show(read(row)),
        plain=lambda row: {key: read(row)},
        value=read if options.get("numeric", True) else None,
        **options,
    )


def plain_cells(row: Row, columns: Iterable[Column]) -> dict[str, Any]:
    """Return the machine-readable cells of a row, by key."""
    cells: dict[str, Any] = {}
    for column in columns:
        cells.update(column.plain(row))
    return cells
