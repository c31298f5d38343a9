"""Sizes of files and memory, as text for people and as people type them."""

from __future__ import annotations

import math
import re

from zoo.errors import UsageError
from zoo.text import one_line

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_TYPED = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", re.IGNORECASE)


def size_text(num_bytes: int) -> str:
    """Return a size in decimal units with three digits: ``184 MB``."""
    value, unit = float(num_bytes), 0
    while value >= 999.5 and unit + 1 < len(_UNITS):
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 or value >= 99.95 else f"{value:.3g} {_UNITS[unit]}"


def parse_size(text: str, *, what: str) -> int:
    """Return the bytes of a size such as ``20GB``, ``1.5 TB``, ``300m`` or ``0``; units are decimal.

    Raises:
        UsageError: If it is not a size; *what* names the option.
    """
    match = _TYPED.fullmatch(text.strip())
    num_bytes = float(match[1]) * 1000 ** " kmgt".index(match[2].lower() or " ") if match else math.inf
    if not math.isfinite(num_bytes):
        raise UsageError(f"{what} {one_line(text, max_length=50)}: expected a size, such as 20GB or 500MB")
    return int(num_bytes)
