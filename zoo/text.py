"""Text from elsewhere made safe to show, and quantities as people write them.

Names, reasons and notes come from plugins, files and other people's records. Whatever is shown to a person goes through
:func:`clean` or :func:`one_line`: this is the only table of characters that may not be shown.
"""

from __future__ import annotations

import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Control characters, formats (bidirectional overrides, zero-width), lone surrogates, code points without a glyph."""
_JOINERS = frozenset({"\u200c", "\u200d"})
"""Formats that some scripts cannot be written without, and that move nothing."""


def clean(text: object) -> str:
    """Return *text* on one line, without characters that could move a cursor, colour a terminal or forge a line.

    Each white-space character becomes a blank; the number of blanks is kept, because they may belong to a file name.
    """
    string = str(text)
    if string.isascii() and string.isprintable():
        return string
    spaced = "".join(" " if character.isspace() else character for character in string)
    return "".join(
        character for character in spaced if character in _JOINERS or unicodedata.category(character) not in _UNSAFE
    )


def one_line(text: object, *, max_length: int = 500) -> str:
    """Return *text* cleaned, with runs of white space as single blanks, cut with an ellipsis at *max_length*."""
    line = " ".join(clean(text).split())
    return line if len(line) <= max_length else line[: max_length - 1] + "…"


def error_text(error: BaseException, *, max_length: int = 300) -> str:
    """Return the type and message of an exception on one line, whatever its message contains."""
    try:
        message = one_line(error, max_length=max_length)
    except Exception:  # the exception of a plugin may fail to be written
        message = ""
    name = one_line(type(error).__name__)
    return f"{name}: {message}" if message else name


def plural(count: int, noun: str, many: str = "") -> str:
    """Return a count with its noun: ``1 trial``, ``1,500 trials``."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def duration(seconds: float) -> str:
    """Return a duration: ``8.2 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
