"""Neighbours: the rows around one in its table, and which of them its tests separate from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.leaderboard.separations import is_tied
from reports.leaderboard.table import row_names
from reports.site.entries import BoardEntry
from zoo.text import one_line

REACH = 8
"""Number of rows that are shown above and below."""


def neighbours(entry: BoardEntry, members: Sequence[BoardEntry]) -> dict[str, Any]:
    """Return how many rows are tied with a row, surely above and surely below it, and those around it for a chart.

    Args:
        entry: A row.
        members: All rows of its table, in order.

    Returns:
        ``counts`` in words, ``chart`` and ``compare``, the ids of the row and those next to it; empty without a rank.
    """
    table = entry.table
    place = next(place for place, row in enumerate(table.rows) if row is entry.row)
    if place >= len(table.tied) or len(table.tied) < 2:
        return {}
    runs = table.tied[place]
    kinds = ["above" if other < place else "below" for other in range(len(table.tied))]
    kinds = ["tied" if is_tied(runs, other) else kind for other, kind in enumerate(kinds)]
    kinds[place] = "self"
    names = row_names(table.rows)
    by_place = {id(each.row): each for each in members}
    points = []
    for other in range(max(place - REACH, 0), min(place + REACH + 1, len(table.tied))):
        row = table.rows[other]
        accuracy = row.metrics.get("accuracy")
        if accuracy is None:
            continue
        points.append(
            {
                "label": one_line(names[other], max_length=200),
                "short": one_line(names[other], max_length=60),
                "path": f"rows/{by_place[id(row)].id}.html",
                "y": round(accuracy.mean, 5),
                "low": accuracy.low,
                "high": accuracy.high,
                "kind": kinds[other],
                "lines": [f"accuracy {100 * accuracy.mean:.1f} %", _WORDS[kinds[other]]],
            }
        )
    around = [each for each in (place - 1, place, place + 1) if 0 <= each < len(table.tied)]
    return {
        "counts": [(kinds.count(kind), words) for kind, words in _COUNTS.items()],
        "chart": {"points": points, "xTitle": "accuracy, %", "most": len(points)},
        "compare": [by_place[id(table.rows[each])].id for each in around],
    }


_WORDS = {
    "self": "this row",
    "tied": "tied with this row",
    "above": "surely above this row",
    "below": "surely below this row",
}
_COUNTS = {"above": "surely above it", "tied": "tied with it", "below": "surely below it"}
