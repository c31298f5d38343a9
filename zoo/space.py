"""Search spaces: the ranges in which a search tries settings, written as text such as ``log(1e-4, 1)``.

The notation is the same in a plugin's ``space=``, on the command line, in a suite file and in Python::

    uniform(0, 0.3)                             any number from 0 to 0.3
    log(1e-4, 1)                                the same, with equal chances for each power of ten
    int(1, 8), logint(16, 256)                  whole numbers, both ends included
    choice(sgd, adamw)                          one of these values
    uniform(0.5, 0.99) if optimizer=sgd|rmsprop only where another setting has one of these values

A user may also give ``lr-find`` for the learning rate: the range that a range test finds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from zoo.errors import UsageError
from zoo.options import Option, parse_value

Kind = Literal["uniform", "log", "int", "logint", "choice"]
KINDS: tuple[Kind, ...] = ("uniform", "log", "int", "logint", "choice")
OFF = "off"
"""Word that takes a setting out of a space."""
LR_FIND = "lr-find"
"""Word for the range of learning rates that a range test finds, in place of a range such as ``log(1e-4, 1)``."""

_TEXT = re.compile(r"\s*(\w+)\s*\(([^()]*)\)\s*(?:if\s+(.+?))?\s*", re.DOTALL)
_CONDITION = re.compile(r"\s*([A-Za-z_][\w.]*)\s*=\s*(\S.*?)\s*", re.DOTALL)
_MOST = 2**53
"""Whole numbers beyond are not exact as floats, in which ranges are kept."""
_EXAMPLE = "expected a range such as log(1e-4, 1), uniform(0, 0.3), int(1, 8), logint(16, 256) or choice(sgd, adamw)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Dimension:
    """The values that a search may give to one setting.

    Raises:
        UsageError: If the range is empty, or a condition has no value.
    """

    kind: Kind
    low: float = 0.0
    """Smallest value, for all kinds but ``choice``."""
    high: float = 0.0
    """Largest value."""
    values: tuple[Option, ...] = ()
    """The values of a ``choice``."""
    when: Mapping[str, tuple[Option, ...]] = field(default_factory=dict)
    """Conditions: the values of another setting, by its name, for which this one is searched. All must hold."""

    def __post_init__(self) -> None:
        if self.kind == "choice":
            if len({(type(value), value) for value in self.values}) < max(2, len(self.values)):
                raise UsageError(f"{self.range_text}: expected at least two different values")
            return
        if not (math.isfinite(self.high - self.low) and self.low < self.high):
            raise UsageError(f"{self.range_text}: expected two numbers, the smaller one first")
        if self.is_log and self.low <= 0:
            raise UsageError(f"{self.range_text}: expected numbers above 0, because their logarithm is searched")
        if self.is_whole and not (self.low.is_integer() and self.high.is_integer()):
            raise UsageError(f"{self.range_text}: expected whole numbers")
        if self.is_whole and max(-self.low, self.high) > _MOST:
            raise UsageError(f"{self.range_text}: expected whole numbers up to {_MOST:,}")

    @property
    def is_log(self) -> bool:
        """Whether the logarithm of the value is searched."""
        return self.kind in ("log", "logint")

    @property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers."""
        return self.kind in ("int", "logint")

    @property
    def range_text(self) -> str:
        """The range without its conditions: ``log(0.0001, 1)``."""
        inner = self.values if self.kind == "choice" else (self.low, self.high)
        return f"{self.kind}({', '.join(map(value_text, inner))})"

    def __str__(self) -> str:
        conditions = [f"{name}={'|'.join(map(value_text, values))}" for name, values in self.when.items()]
        return f"{self.range_text} if {' and '.join(conditions)}" if conditions else self.range_text

    def contains(self, value: object) -> bool:
        """Return whether *value* is one that a search could try."""
        if self.kind == "choice":
            return any(type(value) is type(each) and value == each for each in self.values)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return self.low <= value <= self.high and not (self.is_whole and value != int(value))


def parse_dimension(text: str) -> Dimension:
    """Return the dimension that *text* describes.

    Raises:
        UsageError: If it describes none; the sentence shows the notation.
    """
    match = _TEXT.fullmatch(text)
    if match is None or match[1] not in KINDS:
        raise UsageError(f"{text!r}: {_EXAMPLE}")
    kind: Kind = match[1]
    values = tuple(parse_value(part.strip()) for part in match[2].split(",") if part.strip())
    when = _parse_conditions(text, match[3])
    if kind == "choice":
        return Dimension(kind=kind, values=values, when=when)
    try:
        numbers = [float(value) for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    except OverflowError:  # a whole number beyond all floats
        numbers = []
    if len(values) != 2 or len(numbers) != 2:
        raise UsageError(f"{text!r}: expected two numbers, such as {kind}({'16, 256' if 'int' in kind else '0.1, 1'})")
    return Dimension(kind=kind, low=numbers[0], high=numbers[1], when=when)


def asks_for_lr_test(text: str) -> bool:
    """Return whether *text* leaves a range to a range test of the learning rate; conditions may follow."""
    return text.split()[:1] == [LR_FIND]


def parse_space(space: Mapping[str, str], owner: str) -> dict[str, Dimension]:
    """Return the dimensions that a plugin declares by the names of its settings.

    Raises:
        ValueError: For text that describes no range; the sentence names *owner*.
    """
    found = {}
    for name, text in space.items():
        try:
            found[name] = parse_dimension(text)
        except (UsageError, TypeError) as error:
            raise ValueError(f"{owner}: space of {name}: {error}") from error
    return found


def value_text(value: Option) -> str:
    """Return a value as it is written on a command line."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def values_text(values: Mapping[str, Option]) -> str:
    """Return settings with their values for a sentence or a cell: ``lr=0.0123, momentum=0.91``."""
    return ", ".join(
        f"{name.removeprefix('recipe.')}={f'{value:.3g}' if isinstance(value, float) else value_text(value)}"
        for name, value in values.items()
    )


def _parse_conditions(text: str, conditions: str | None) -> dict[str, tuple[Option, ...]]:
    when: dict[str, tuple[Option, ...]] = {}
    for condition in _split_and(conditions):
        match = _CONDITION.fullmatch(condition)
        if match is None:
            raise UsageError(f"{text!r}: expected a condition such as if optimizer=sgd|rmsprop after the range")
        when[match[1]] = tuple(parse_value(value.strip()) for value in match[2].split("|"))
    return when


def _split_and(conditions: str | None) -> Iterable[str]:
    return () if conditions is None else re.split(r"\s+and\s+", conditions)
