"""Foreign JSON: parsed so that all that is wrong with it is a ``ValueError``.

JSON may nest so deeply that a parser exhausts the stack, and numbers in it may be too large for a float, or have
millions of digits. Python also reads NaN and Infinity, which JSON does not have, and of a key that an object has twice,
it keeps the last value without a word.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

from zoo.text import one_line

_MAX_INTEGER = 2**64
_MAY_BE_LARGE = re.compile(rb"[\[:,\s]-?[0-9]+(?:[0-9]{18}|(?:\.[0-9]+)?[eE]\+?[0-9]{3})")
"""Numbers that could be out of range; looking for them is far quicker than converting each number in Python."""


def parse_json(content: bytes, *, numbers_are_checked: bool = False) -> Any:
    """Return the value of JSON in UTF-8.

    Args:
        numbers_are_checked: Whether the caller checks all numbers itself; looking for large ones takes as long as
            parsing.

    Raises:
        ValueError: If it is not JSON, nests too deeply, has a key twice, or holds a number that is not finite, or an
            integer beyond 64 bits.
    """
    checks: dict[str, Any] = {"parse_constant": _no_number, "object_pairs_hook": _object}
    if not numbers_are_checked and _MAY_BE_LARGE.search(b" " + content):
        checks |= {"parse_int": _integer, "parse_float": _finite}
    try:
        return json.loads(content.decode("utf-8"), **checks)
    except RecursionError:
        raise ValueError("it nests too deeply") from None
    except ValueError as error:
        if "limit" in str(error) and "digits" in str(error):  # Python's sentence is for programmers
            raise ValueError("it holds a number of thousands of digits") from None
        raise


def parse_object(content: bytes, *, numbers_are_checked: bool = False) -> dict[str, Any]:
    """Return the value of JSON that is an object. Arguments and errors as above."""
    value = parse_json(content, numbers_are_checked=numbers_are_checked)
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = Counter(key for key, _ in pairs)
        raise ValueError(f"it has the key {one_line(keys.most_common(1)[0][0], max_length=80)!r} twice in one object")
    return found


def _integer(text: str) -> int:
    if len(text) > 21 or abs(int(text)) > _MAX_INTEGER:
        raise ValueError(f"the number {text[:20]}{'…' if len(text) > 20 else ''} is out of range")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is out of range")
    return value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a number in JSON")
