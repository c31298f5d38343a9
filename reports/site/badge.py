"""Badges: the best row as a small image for a README."""

from __future__ import annotations

from reports.site.entries import BoardEntry
from reports.site.pages import render_text
from zoo.text import one_line, plural

_EM = 6.6  # mean width of a character at 11 px, in pixels; a little more than in most fonts


def badge(entries: list[BoardEntry]) -> str:
    """Return an SVG with the best row of the first table that has one: the highest mean among those of rank 1.

    It says how many other rows share that rank.
    """
    first = next((entry for entry in entries if _may_be_first(entry)), None)
    if first is None:
        left, right = "zoo", "no results yet"
    else:
        tied = [entry for entry in entries if entry.table_id == first.table_id and _may_be_first(entry)]
        best = max(tied, key=lambda entry: entry.row.metrics["accuracy"].mean)
        accuracy = best.row.metrics["accuracy"]
        name = one_line(best.row.model, max_length=40)
        others = len(tied) - 1
        suffix = f" (tied with {plural(others, 'other')})" if others else ""
        left, right = one_line(best.row.data, max_length=40), f"{name} {100 * accuracy.mean:.1f} %{suffix}"
    widths = [round(_EM * len(text)) + 12 for text in (left, right)]
    return render_text("badge.svg", left=left, right=right, widths=widths, total=sum(widths))


def _may_be_first(entry: BoardEntry) -> bool:
    return entry.row.rank_low == 1 and "accuracy" in entry.row.metrics
