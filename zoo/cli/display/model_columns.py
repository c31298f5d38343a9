"""Columns of ``zoo list models``: which are shown, what rows are sorted by, and conditions on them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.cli.display.text import TextColumn

if TYPE_CHECKING:
    from zoo.catalog import Entry

_CONDITION = re.compile(r"([a-z]+)\s*(<=|>=|<|>|=)\s*((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[0-9]+)?)\s*([kKMG]?)")
_UNITS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "=": lambda one, other: one == other,
}
COLUMNS: Mapping[str, TextColumn] = {
    "name": TextColumn(title="name"),
    "family": TextColumn(title="family", shrink=2, least=6),
    "px": TextColumn(title="px", right=True),
    "pretrained": TextColumn(title="pretrained"),
    "params": TextColumn(title="params", right=True),
    "macs": TextColumn(title="MACs", right=True),
    "published": TextColumn(title="published %", right=True),
    "dataset": TextColumn(title="on", shrink=1, least=8),
    "summary": TextColumn(title="summary", shrink=3, least=16),
    "source": TextColumn(title="source", shrink=4, least=24, optional=True),
}
"""The columns, by the names that ``--columns`` takes."""
NUMBERS = ("px", "params", "macs", "published")
"""Columns that have conditions."""
COUNTED = frozenset({"params", "macs"})
FIGURES = frozenset({"published", "dataset"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """A condition such as ``params<5M``."""

    column: str
    compare: Callable[[float, float], bool]
    value: float

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read a condition.

        Raises:
            UsageError: If it is none.
        """
        from zoo.errors import UsageError

        match = _CONDITION.fullmatch(text.strip())
        if match is None or match[1] not in NUMBERS:
            raise UsageError(
                f"--where {text}: expected a condition such as params<5M, macs<=600M or published>=75, on one of "
                f"{', '.join(NUMBERS)}"
            )
        return cls(column=match[1], compare=_COMPARE[match[2]], value=float(match[3]) * _UNITS[match[4]])

    def holds(self, cells: Mapping[str, Any]) -> bool:
        """Return whether it holds for a row; never where the number is not known."""
        value = cells[self.column]
        return value is not None and self.compare(float(value), self.value)


def check_columns(names: Sequence[str], *, option: str) -> None:
    """Raise an error that lists every name that is no column.

    Raises:
        UnknownNameError: If there are any.
    """
    from zoo.errors import ManyErrors, UnknownNameError
    from zoo.names import near_names

    hint = f"(columns: {', '.join(COLUMNS)})"
    ManyErrors.raise_if(
        UnknownNameError(f"column of {option}", name, near=near_names(name, COLUMNS), hint=hint)
        for name in names
        if name not in COLUMNS
    )


def ordered(rows: Sequence[Mapping[str, Any]], column: str) -> list[Mapping[str, Any]]:
    """Return rows by a column: numbers ascending, published accuracies descending, unknown ones last."""
    sign = -1.0 if column == "published" else 1.0

    def key(row: Mapping[str, Any]) -> tuple[bool, Any]:
        value = row[column]
        if value is None or value == "":
            return True, 0.0
        return False, sign * float(value) if column in NUMBERS else str(value)

    return sorted(rows, key=key)


def facts_of(entry: Entry[Any], columns: frozenset[str], sizes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a model by column; those that are not among *columns* may be missing."""
    record = entry.record
    facts: dict[str, Any] = {
        "name": entry.display_name,
        "family": record.family,
        "px": record.native_size,
        "pretrained": "yes" if record.has_pretrained else "",
        "summary": record.summary,
        "source": record.source,
    }
    if columns & COUNTED:
        size = sizes[entry.full_name]
        facts["params"], facts["macs"] = size.params, size.macs
    if columns & FIGURES:
        from zoo.api.published_heads import published_accuracy

        figure = published_accuracy(entry)
        facts["published"] = round(100 * figure.value, 6) if figure else None
        facts["dataset"] = figure.dataset if figure else ""
    return facts


def shown(column: str, value: Any) -> str:
    """Return a value as a cell."""
    if value is None:
        return ""
    if column in COUNTED:
        return f"{value:,}"
    return f"{value:g}" if column == "published" else str(value)
