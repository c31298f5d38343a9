"""Parallel coordinates: one line for each trial of a search, through an axis for each setting, as an SVG image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from zoo.errors import UsageError
from zoo.space import Dimension, parse_dimension, value_text
from zoo.text import one_line

WIDTH, HEIGHT = 640, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 60, 34, 24
_VALUE = "validation acc %"


def parallel_svg(space: Mapping[str, str], settings: Sequence[Mapping[str, Any]], values: Sequence[float]) -> str:
    """Return the picture; empty if there is nothing to draw.

    Args:
        space: Range of each setting by key, as text.
        settings: Settings of each trial by key; a trial without one has no line at that axis.
        values: Objective of each trial in [0, 1], by which lines are shaded: the better, the darker.
    """
    axes: dict[str, Dimension] = {}
    for key, text in space.items():
        try:
            axes[key] = parse_dimension(text)
        except UsageError:  # written by a newer version, or by hand
            continue
    if not axes or not values:
        return ""
    low, high = min(values), max(values)
    step = (WIDTH - _LEFT - _RIGHT) / len(axes)
    places = [_LEFT + step * index for index in range(len(axes) + 1)]
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="settings of {len(values)} trials, and their validation accuracy">'
    ]
    for x, key in zip(places, [*axes, _VALUE], strict=True):
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>')
        parts.append(_text(x, 12, key.partition(".")[2] or key))
        top, bottom = _ends(axes[key]) if key in axes else (f"{100 * high:.1f}", f"{100 * low:.1f}")
        parts += [_text(x, _TOP - 6, top), _text(x, HEIGHT - 8, bottom)]
    for own, value in sorted(zip(settings, values, strict=True), key=lambda pair: pair[1]):
        heights = [_height(dimension, own.get(key)) for key, dimension in axes.items()]
        share = (value - low) / (high - low) if high > low else 1.0
        points = [
            f"{x:.1f},{HEIGHT - _BOTTOM - height * (HEIGHT - _TOP - _BOTTOM):.1f}"
            for x, height in zip(places, [*heights, share], strict=True)
            if height is not None
        ]
        opacity = 0.15 + 0.85 * share**2
        parts.append(
            f'<polyline class="curve c0" fill="none" stroke-opacity="{opacity:.2f}" points="{" ".join(points)}"/>'
        )
    return "".join([*parts, "</svg>"])


def _height(dimension: Dimension, value: Any) -> float | None:
    """Return where a value lies on its axis, from 0 to 1; None if it is not on it."""
    if not dimension.contains(value):
        return None
    if dimension.kind == "choice":
        return dimension.values.index(value) / (len(dimension.values) - 1)
    low, high, at = dimension.low, dimension.high, float(value)
    if dimension.is_log:
        low, high, at = math.log(low), math.log(high), math.log(at)
    return (at - low) / (high - low)


def _ends(dimension: Dimension) -> tuple[str, str]:
    ends = (dimension.values[-1], dimension.values[0]) if dimension.values else (dimension.high, dimension.low)
    return value_text(ends[0]), value_text(ends[1])


def _text(x: float, y: float, text: str) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{y}" text-anchor="middle">{escape(one_line(text, max_length=24))}</text>'
