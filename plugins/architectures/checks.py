"""Validation of option values, shared by the built-in architectures."""

from __future__ import annotations

from collections.abc import Mapping

from zoo.errors import UsageError
from zoo.options import Option


def share(options: Mapping[str, Option], name: str) -> float:
    """Return the option *name* as a number in [0, 1).

    Raises:
        UsageError: If it is anything else.
    """
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise UsageError(f"model.{name} must be a number of at least 0 and below 1, got {value!r}")
    return float(value)


def count(options: Mapping[str, Option], name: str) -> int:
    """Return the option *name* as an integer of at least 1.

    Raises:
        UsageError: If it is anything else.
    """
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"model.{name} must be an integer of at least 1, got {value!r}")
    return value


def positive(options: Mapping[str, Option], name: str) -> float:
    """Return the option *name* as a number above 0.

    Raises:
        UsageError: If it is anything else.
    """
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise UsageError(f"model.{name} must be a number above 0, got {value!r}")
    return float(value)
