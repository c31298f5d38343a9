"""Text: foreign text made safe for display, and quantities as people write them.

Names, reasons and notes come from plugins, files and other people's records. All text shown to users passes through
:func:`clean` or :func:`one_line`; this is the only list of characters that are never shown.
"""

from __future__ import annotations

import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Control and format characters (bidirectional overrides, zero-width), surrogates, unassigned code points."""
_JOINERS = frozenset({"\u200c", "\u200d"})
"""Format characters that some scripts need; they move nothing."""


def clean(text: object) -> str:
    """Return *text* on one line, without characters that could move a cursor, colour a terminal or forge a line.

    Each whitespace character becomes a space; none is dropped, since it may be part of a file name.
    """
    string = str(text)
    if string.isascii() and string.isprintable():
        return string
    spaced = "".join(" " if character.isspace() else character for character in string)
    return "".join(
        character for character in spaced if character in _JOINERS or unicodedata.category(character) not in _UNSAFE
    )


def one_line(text: object, *, max_length: int = 500) -> str:
    """Return *text* cleaned, with single spaces, and cut with an ellipsis at *max_length*."""
    line = " ".join(clean(text).split())
    return line if len(line) <= max_length else line[: max_length - 1] + "…"


def error_message(error: BaseException, *, max_length: int = 300) -> str:
    """Return the message of an exception as one safe line; empty if it has none, or if asking for it fails."""
    try:
        return one_line(error, max_length=max_length)
    except BaseException:  # the exception of a plugin may raise anything when it is written
        return ""


def error_text(error: BaseException, *, max_length: int = 300) -> str:
    """Return the type and message of an exception as one safe line."""
    message = error_message(error, max_length=max_length)
    try:
        name = one_line(type(error).__name__)
    except BaseException:  # as above, by a metaclass
        name = "an exception without a name"
    return f"{name}: {message}" if message else name


def exit_call(error: SystemExit) -> str:
    """Return the call that raised *error* as Python writes it, on one safe line: ``sys.exit(0)``."""
    try:
        code = one_line(repr(error.code), max_length=100)
    except BaseException:  # as above
        code = "…"
    return f"sys.exit({code})"


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
