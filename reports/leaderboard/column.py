"""The column: declared once for every format: its key, title, numbers, text, and which way is better."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reports.leaderboard.table import Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of a table."""

    key: str
    """Its name for ``--columns`` and ``--sort-by``, and in files."""
    title: str
    """Its heading, unit included."""
    about: str
    """What it says, in a line."""
    text: Callable[[Row], str]
    """A cell for people; empty or a dash where there is nothing."""
    plain: Callable[[Row], Mapping[str, Any]]
    """Cells for programs, by their keys: numbers without rounding, None where there is nothing."""
    value: Callable[[Row], float | None] | None = None
    """What rows are sorted by; None for a column that cannot be."""
    higher_is_better: bool = True
    priority: int = 50
    """The higher, the sooner it is left out where a line is too narrow; 0 is never left out."""
    numeric: bool = True
    """Whether cells are set flush right."""
    default: bool = True
    """Whether it is shown unless columns are chosen."""
    only_if_filled: bool = False
    """Whether it is left out of the default where all its cells are empty."""
    needs_equal_conditions: bool = False
    """Whether it may be compared only between rows that were measured under the same conditions."""


def simple_column(
    key: str, title: str, about: str, read: Callable[[Row], Any], show: Callable[[Any], str], **options: Any
) -> Column:
    """Return a column of one value, which *show* writes for people; rows sort by it if it is a number."""
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
    """Return a row's cells for programs, by key."""
    cells: dict[str, Any] = {}
    for column in columns:
        cells.update(column.plain(row))
    return cells
