"""Learning-rate range tests as charts in the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from zoo.cli.display.text import terminal_width
from zoo.text import clean

if TYPE_CHECKING:
    from harness.search.lr_range import LrRange
    from reports.pictures.braille import Line

_HEIGHT = 10
_WIDEST = 100
_HEADROOM = 1.5
"""Part of the chart above the highest loss before the minimum: what lies beyond shows that training diverges."""


def show_lr_ranges(found: Sequence[LrRange]) -> None:
    """Write a chart of each range test to stdout, with what it suggests."""
    width = min(terminal_width() or 80, _WIDEST)
    for each in found:
        click.echo("")
        click.echo(click.style(clean(each.title), bold=True))
        for line in _lines(each, width):
            click.echo(line)


def as_json(found: Sequence[LrRange]) -> list[dict[str, Any]]:
    """Return range tests as JSON values."""
    return [
        {
            "title": each.title,
            "default": each.default,
            "suggestion": each.suggestion,
            "space": each.space,
            "problem": each.problem,
            "lrs": list(each.lrs),
            "losses": list(each.losses),
            "smoothed": list(each.smoothed),
        }
        for each in found
    ]


def _lines(each: LrRange, width: int) -> Iterator[str]:
    from reports.pictures.braille import draw_chart

    if each.losses:
        chart = draw_chart(
            _curves(each), width=width, height=_HEIGHT, x_title="learning rate", x_text=lambda x: f"{10**x:.0e}"
        )
        for row in chart:
            yield "".join(click.style(piece.text, fg=piece.style or None) for piece in row).rstrip()
        yield click.style("training loss while the rate rises: dotted by step, solid smoothed", dim=True)
    if each.problem:
        yield f"no suggestion: {clean(each.problem)}"
        return
    assert each.suggestion is not None
    recipes_own = f"; the recipe has {each.default:g}" if each.default is not None else ""
    yield f"suggested learning rate: {each.suggestion:g}, a tenth of that of the lowest loss{recipes_own}"
    ((key, dimension),) = each.space.items()
    yield f"--set {key}={each.suggestion:g}, or to search around it: --tune 16 --space '{key}={dimension}'"


def _curves(each: LrRange) -> list[Line]:
    """Return the losses, cut above so that the fall can be seen, and a line from the suggestion to the bottom."""
    from reports.pictures.braille import Line

    smoothed = each.smoothed
    place = smoothed.index(min(smoothed))
    low = min(smoothed)
    top = low + _HEADROOM * max(max(smoothed[: place + 1]) - low, 1e-9)

    def points(values: Sequence[float]) -> list[tuple[float, float]]:
        return [(math.log10(lr), min(max(value, low), top)) for lr, value in zip(each.lrs, values, strict=True)]

    lines = [
        Line(points=points(each.losses), style="bright_black", dotted=True),
        Line(points=points(smoothed), style="cyan"),
    ]
    if each.suggestion is not None:
        x = math.log10(each.suggestion)
        lines.append(Line(points=[(x, low), (x, top)], style="yellow"))
    return lines
