"""Foreign text: names, reasons and notes that come from plugins, files and other people's records."""

from __future__ import annotations

import unicodedata

_KEPT_FORMATS = {"\u200c", "\u200d"}  # joiners, which some scripts need


def clean(text: object, *, max_length: int = 500) -> str:
    """Return *text* as one line that cannot move a cursor, colour a terminal or reorder its neighbours.

    Control characters, bidirectional overrides, other invisible characters and lone surrogates go; white space
    becomes single blanks.
    """
    kept = []
    for character in str(text):
        if character.isspace():
            kept.append(" ")
        elif unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn") or character in _KEPT_FORMATS:
            kept.append(character)
    line = " ".join("".join(kept).split())
    return line if len(line) <= max_length else line[: max_length - 1] + "…"
