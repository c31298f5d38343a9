"""Text for a terminal: its width in cells, and plain tables.

Rich lays out no table here: one of 1,500 models must be on the screen at once. It knows how wide characters are, and
is imported where text is not ASCII.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

from zoo.text import clean

ELLIPSIS = "…"


def terminal_width() -> int | None:
    """Return the width of the terminal on stdout; of a file or a pipe, ``COLUMNS``, or None if that is not set."""
    if sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isascii() and columns.isdigit() and int(columns) > 0 else None


def width_of(text: str) -> int:
    """Return how many terminal cells *text* takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def fit(text: str, width: int) -> str:
    """Return *text*, cut at *width* cells with an ellipsis if it is longer."""
    if width_of(text) <= width:
        return text
    if width <= 0:
        return ""
    if text.isascii():
        return text[: width - 1].rstrip() + ELLIPSIS
    from rich.cells import set_cell_size

    return set_cell_size(text, width - 1).rstrip() + ELLIPSIS


def wrapped(text: str, stream: TextIO, *, indent: int = 0) -> str:
    """Return *text* broken between words where the terminal of *stream* ends; as it is if there is no terminal.

    A word that is longer than a line, such as a path, gets a line of its own, and can still be copied whole.

    Args:
        text: One line or several.
        stream: Where it will be written.
        indent: Number of blanks before the lines that are added.
    """
    width = _terminal_width_of(stream)
    return text if width is None else "\n".join(_broken(line, width, indent) for line in text.split("\n"))


def _broken(line: str, width: int, indent: int) -> str:
    lines: list[str] = []
    current = ""
    for number, word in enumerate(line.split(" ")):
        is_begun = bool(current.strip()) or not lines  # blanks in a row are not carried to the next line
        longer = " " * indent + word if not is_begun else f"{current} {word}" if number else word
        if current.strip() and width_of(longer) > width:
            lines.append(current.rstrip())
            longer = " " * indent + word
        current = longer
    return "\n".join([*lines, current])


def _terminal_width_of(stream: TextIO) -> int | None:
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Return *text* in exactly *width* cells, or more if it is longer."""
    blanks = " " * (width - width_of(text))
    return blanks + text if right else text + blanks


@dataclass(frozen=True, kw_only=True, slots=True)
class TextColumn:
    """A column of a plain table."""

    title: str
    right: bool = False
    """Whether it is right-aligned, as numbers are."""
    shrink: int = 0
    """Order of shrinking if the table is too wide: the highest first; 0 never shrinks."""
    least: int = 8
    """Smallest width in cells when shrunk."""
    optional: bool = False
    """Whether it is left out instead of shrunk to its smallest width."""


def table_lines(
    columns: Sequence[TextColumn], rows: Iterable[Sequence[object]], *, width: int | None, keep_empty: bool = False
) -> list[str]:
    """Return a heading and a line for each row, no wider than *width* cells if columns can shrink that far.

    Columns that are empty in all rows are left out, unless *keep_empty*.
    """
    cells = [[clean(cell) for cell in row] for row in rows]
    used = [index for index in range(len(columns)) if keep_empty or not cells or any(row[index] for row in cells)]
    kept = [columns[index] for index in used]
    body = [[row[index] for index in used] for row in cells]
    widths = [
        max([width_of(column.title), *(width_of(row[index]) for row in body)]) for index, column in enumerate(kept)
    ]
    if width is not None:
        _shrink(kept, widths, width)
    lines = []
    for row in [[column.title for column in kept], *body]:
        padded = (
            pad(fit(cell, size), size, right=column.right)
            for cell, size, column in zip(row, widths, kept, strict=True)
            if size
        )
        lines.append("  ".join(padded).rstrip())
    return lines


def _shrink(columns: Sequence[TextColumn], widths: list[int], width: int) -> None:
    excess = sum(widths) + 2 * (len(widths) - 1) - width
    for index in sorted(range(len(columns)), key=lambda each: -columns[each].shrink):
        column = columns[index]
        if excess <= 0 or column.shrink == 0:
            return
        given = min(excess, max(0, widths[index] - max(column.least, width_of(column.title))))
        if given < excess and column.optional:
            excess -= widths[index] + 2
            widths[index] = 0
            continue
        widths[index] -= given
        excess -= given
