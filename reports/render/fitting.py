"""Text that fits the width of a terminal: columns left out by priority, names cut, sentences broken between words."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

GAP = 2
"""Blanks between columns."""
_SHORTEST_NAME = 6
_NARROWEST = 20


def fitting_columns(widths: Sequence[int], priorities: Sequence[int], width: int | None) -> list[int]:
    """Return the places of the columns that fit a line of *width* cells.

    Args:
        widths: Width of each column in cells.
        priorities: Columns with a high priority number are left out first; 0 always stays.
        width: Width of the line; None leaves nothing out.
    """
    kept = list(range(len(widths)))
    for least in sorted(kept, key=lambda place: -priorities[place]):
        if width is not None and sum(widths[place] + GAP for place in kept) - GAP > width and priorities[least]:
            kept.remove(least)
    return kept


def cut_names(widths: Sequence[int], names: Sequence[int], width: int | None) -> list[int]:
    """Return the widths of columns with the longest names cut until the line fits; numbers are never cut.

    Args:
        widths: Width of each column in cells.
        names: Places of the columns that may be cut, to no less than six cells.
        width: Width of the line; None cuts nothing.
    """
    cut = list(widths)
    while width is not None and names and sum(cut) + GAP * (len(cut) - 1) > width:
        longest = max(names, key=lambda place: cut[place])
        if cut[longest] <= _SHORTEST_NAME:
            break
        cut[longest] -= 1
    return cut


def wrapped(text: str, width: int | None, *, indent: str = "", hanging: str | None = None) -> list[str]:
    """Return *text* in lines of at most *width* characters, broken between words only; one line without a width.

    Args:
        text: One sentence.
        width: Width of the terminal.
        indent: What the first line begins with.
        hanging: What the other lines begin with; by default the same.
    """
    if width is None:
        return [indent + text]
    return wrap(
        text,
        max(width, _NARROWEST),
        initial_indent=indent,
        subsequent_indent=indent if hanging is None else hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
