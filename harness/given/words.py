"""Words: names and numbers as files of predictions write them, compared and shown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from zoo.names import plain_name
from zoo.text import one_line

_WHOLE = re.compile(r"\d+\.0+")
SHOWN = 3
"""How many words sentences show."""


def shown(words: Sequence[object], most: int = SHOWN) -> str:
    """Return the first few of *words*, quoted."""
    text = ", ".join(repr(one_line(word, max_length=60)) for word in words[:most])
    return f"{text} …" if len(words) > most else text


def plain_names(classes: Sequence[str]) -> dict[str, str]:
    """Return the class that each name means regardless of case, spaces, hyphens and underscores; none if two do."""
    plain = {plain_name(name): name for name in classes}
    return plain if len(plain) == len(classes) else {}


def whole_numbers(words: list[str]) -> list[str]:
    """Return words without the decimals of whole numbers, if all are such, as tables with gaps are saved."""
    if words and all(map(_WHOLE.fullmatch, words)):
        return [word.partition(".")[0] for word in words]
    return words
