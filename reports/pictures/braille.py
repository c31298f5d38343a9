"""Line charts for a terminal, drawn in Braille: each character is two by four dots."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # Unicode's numbering, by row and column
_BLANK = 0x2800
_TICK_ROWS = 4
"""Rows of the chart between two numbers beside it."""

_LARGE = 1e5  # a number from here on is written with an exponent


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line through points."""

    points: Sequence[tuple[float, float]]
    """Pairs of x and y, in ascending order of x."""
    style: str = ""
    """Style of its characters, as in rich."""
    dotted: bool = False
    """Whether the line is dotted, to distinguish it without colours."""
    label: str = ""
    """One character beside the end of the line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Characters of one style."""

    text: str
    style: str = ""


def draw_chart(
    lines: Sequence[Line],
    *,
    width: int,
    height: int,
    percent: bool = False,
    x_title: str = "epoch",
    x_text: Callable[[float], str] = lambda x: f"{x:g}",
) -> list[list[Piece]]:
    """Draw lines with axes, as rows of pieces, none wider than *width* characters.

    Args:
        lines: Later ones are drawn over earlier ones.
        width: In characters, axis and labels included.
        height: Rows for the lines; the x axis takes two more.
        percent: Whether values are shares, to be shown as per cent.
        x_title: What x counts.
        x_text: Writes the ends of the x axis.
    """
    drawn = [line for line in lines if line.points]
    if not drawn:
        return [[Piece(text="(nothing was measured)")]]
    xs = [x for line in drawn for x, _ in line.points]
    ys = [y for line in drawn for _, y in line.points]
    x_low, x_high = min(xs), max(xs)
    y_low, y_high = _padded(min(ys), max(ys))
    numbers = _numbers(y_low, y_high, height, percent=percent)
    margin = max(map(len, numbers.values()))
    columns = max(width - margin - 2 - 2, 8)  # the axis, and the labels at the end
    dots, styles = _drawn(drawn, columns, height, (x_low, x_high), (y_low, y_high))
    labels = _labels(drawn, height, (y_low, y_high))
    rows: list[list[Piece]] = []
    for row in range(height):
        number = numbers.get(row)
        pieces = [Piece(text=f"{number or '':>{margin}} {'┤' if number else '│'}")]
        for column in range(columns):
            text, style = chr(_BLANK + dots[row][column]) if dots[row][column] else " ", styles[row][column]
            if pieces[-1].style == style:
                pieces[-1] = Piece(text=pieces[-1].text + text, style=style)
            else:
                pieces.append(Piece(text=text, style=style))
        if row in labels:
            pieces.append(Piece(text=f" {labels[row][0]}", style=labels[row][1]))
        rows.append(pieces)
    rows.append([Piece(text=" " * (margin + 1) + "└" + "─" * columns)])
    low, high = x_text(x_low), x_text(x_high) if x_high > x_low else ""
    between = columns - len(low) - len(high)
    rows.append([Piece(text=" " * (margin + 2) + low + x_title.center(between)[:between] + high)])
    return rows


def _padded(low: float, high: float) -> tuple[float, float]:
    if high > low:
        return low, high
    pad = abs(high) * 0.05 or 0.5
    return low - pad, high + pad


def _numbers(low: float, high: float, height: int, *, percent: bool) -> dict[int, str]:
    """Return the axis labels by row: highest, lowest, and some between."""
    steps = max(1, round((height - 1) / _TICK_ROWS))
    rows = {round(step * (height - 1) / steps) for step in range(steps + 1)}
    scale = 100.0 if percent else 1.0
    span = (high - low) * scale
    digits = max(0, min(6, 1 - math.floor(math.log10(span / steps)))) if span > 0 else 2
    unit = " %" if percent else ""
    form = ".1e" if max(abs(low), abs(high)) >= _LARGE else f".{digits}f"
    return {row: f"{scale * (high - (high - low) * row / max(height - 1, 1)):{form}}{unit}" for row in sorted(rows)}


def _drawn(
    lines: Sequence[Line], columns: int, height: int, xs: tuple[float, float], ys: tuple[float, float]
) -> tuple[list[list[int]], list[list[str]]]:
    dots = [[0] * columns for _ in range(height)]
    styles = [[""] * columns for _ in range(height)]
    for line in lines:
        places = [_place(x, y, columns, height, xs, ys) for x, y in line.points]
        path = [places[0]] if len(places) == 1 else []
        for start, end in pairwise(places):
            path += _between(start, end)
        for number, (x, y) in enumerate(dict.fromkeys(path)):
            if line.dotted and number % 3:
                continue
            dots[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
            styles[y // 4][x // 2] = line.style
    return dots, styles


def _place(
    x: float, y: float, columns: int, height: int, xs: tuple[float, float], ys: tuple[float, float]
) -> tuple[int, int]:
    across = (x - xs[0]) / (xs[1] - xs[0]) if xs[1] > xs[0] else 0.0
    down = (ys[1] - y) / (ys[1] - ys[0])
    return round(across * (2 * columns - 1)), round(down * (4 * height - 1))


def _between(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    return [
        (
            round(start[0] + (end[0] - start[0]) * step / steps),
            round(start[1] + (end[1] - start[1]) * step / steps),
        )
        for step in range(steps + 1)
    ]


def _labels(lines: Sequence[Line], height: int, ys: tuple[float, float]) -> dict[int, tuple[str, str]]:
    """Return each label's row: that of its line's end, or the nearest one that is free."""
    taken: dict[int, tuple[str, str]] = {}
    for line in lines:
        if not line.label:
            continue
        wanted = round((ys[1] - line.points[-1][1]) / (ys[1] - ys[0]) * (height - 1))
        free = [row for row in range(height) if row not in taken]
        if free:
            taken[min(free, key=lambda row: (abs(row - wanted), row))] = (line.label, line.style)
    return taken
