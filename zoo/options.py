"""Options: named scalar settings that a record declares with defaults, and ``--set`` overrides."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping

from zoo.errors import ManyErrors, UnknownNameError, UsageError
from zoo.names import near_names

Option = bool | int | float | str | None
"""Types of an option: all of them survive JSON and a command line."""


def check_options(options: Mapping[str, Option], owner: str) -> None:
    """Raise ``ValueError`` unless every option is an identifier with a scalar default."""
    for name, value in options.items():
        if not str(name).isidentifier():
            raise ValueError(f"{owner}: option {name!r} is not an identifier")
        if not isinstance(value, (bool, int, float, str, type(None))):
            raise ValueError(f"{owner}: option {name!r} has a {type(value).__name__}, not a scalar")


def resolve_options(defaults: Mapping[str, Option], given: Mapping[str, Option], *, owner: str) -> dict[str, Option]:
    """Return *defaults* overridden by *given*, with each value converted to the type of its default.

    A default of ``None`` accepts any value. All mistakes are reported together.

    Raises:
        UsageError: For an unknown option of *owner*, or a value of the wrong type.
    """
    errors: list[UsageError] = []
    resolved = dict(defaults)
    for name, value in given.items():
        if name not in defaults:
            known = f"it has {', '.join(sorted(defaults))}" if defaults else "it has none"
            errors.append(UnknownNameError(f"option of {owner}", name, near=near_names(name, defaults), hint=known))
            continue
        try:
            resolved[name] = _as_type_of(defaults[name], value)
        except ValueError as error:
            errors.append(UsageError(f"option {name!r} of {owner}: {error}"))
    ManyErrors.raise_if(errors)
    return resolved


def parse_value(text: str) -> Option:
    """Return the value of command-line text: ``true``, ``false``, ``none``, a number, or the text itself."""
    lowered = text.strip().lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    if lowered in ("none", "null"):
        return None
    if "_" in text:  # Python would read 1_0 as ten
        return text
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        # "nan" and "inf" are far likelier to be words than numbers.
        return text if isinstance(number, float) and not math.isfinite(number) else number
    return text


def _as_type_of(default: Option, value: Option) -> Option:
    if default is None or type(value) is type(default):
        return value
    if isinstance(default, str):
        # The command-line words none and true were parsed as values; this turns them back into text.
        return str(value).lower() if value is None or isinstance(value, bool) else str(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(default, float) and abs(value) <= sys.float_info.max:
            return float(value)
        if type(default) is int and math.isfinite(value) and value == int(value):
            return int(value)
    raise ValueError(f"expected {type(default).__name__}, got {value!r}")
