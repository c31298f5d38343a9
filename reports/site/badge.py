"""Badges: the best row as a small picture for a README."""

from __future__ import annotations

from reports.site.entries import BoardEntry
from reports.site.pages import render_text
from zoo.text import one_line

_EM = 6.6  # pixels that a character takes on average at 11 px, a little more than in most fonts


def badge(entries: list[BoardEntry]) -> str:
    """Return an SVG that names the best row of the first table that has one, and its accuracy."""
    best = next((entry for entry in entries if entry.row.rank_low == 1 and "accuracy" in entry.row.metrics), None)
    if best is None:
        left, right = "zoo", "no results yet"
    else:
        accuracy = best.row.metrics["accuracy"]
        name = one_line(best.row.model, max_length=40)
        tied = f" (rank {best.row.rank_low}–{best.row.rank_high})" if best.row.rank_high != 1 else ""
        left, right = one_line(best.row.data, max_length=40), f"{name} {100 * accuracy.mean:.1f} %{tied}"
    widths = [round(_EM * len(text)) + 12 for text in (left, right)]
    return render_text("badge.svg", left=left, right=right, widths=widths, total=sum(widths))
