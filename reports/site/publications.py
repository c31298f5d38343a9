"""Publications: how each row of a board stood in each of its publications, kept beside the pages.

Each publication lists only the rows that were added, moved or removed. What is older than the records cannot be
verified; that the newest publication is what the records give can.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from harness.records.spec import FrozenModel
from reports.leaderboard.table import row_names
from reports.site.entries import BoardEntry
from zoo.files.foreign_json import parse_json
from zoo.files.plain_files import SITE_FILE, read_bytes
from zoo.text import one_line

MOST_KEPT = 100
"""Number of publications that are kept; the oldest ones are merged into one."""
MOST_DRAWN = 20
"""Number of publications that the board draws."""
MOST_MOVED = 30
"""Number of rows that the index lists as moved."""

Share = Annotated[float, Field(ge=0, le=1)]
Place = Annotated[int, Field(ge=1)]
Standing = tuple[Share | None, Place | None, Place | None]
"""Accuracy, and the lowest and highest rank; None for what a row has not."""


class Publication(FrozenModel):
    """What changed with one publication."""

    date: Annotated[str, Field(max_length=40)]
    """Date of the newest record."""
    rows: dict[str, Standing | None]
    """How rows that were added or moved stand, by their ids; None for one that was removed."""


class Publications(FrozenModel):
    """All publications of a board, the oldest first."""

    schema_version: int = 1
    publications: tuple[Publication, ...] = ()

    def states(self) -> list[dict[str, Standing]]:
        """Return how all rows stood in each publication."""
        found: list[dict[str, Standing]] = []
        state: dict[str, Standing] = {}
        for each in self.publications:
            state = {row: now for row, now in {**state, **each.rows}.items() if now is not None}
            found.append(state)
        return found

    def text(self) -> str:
        """Return the content of their file."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":")) + "\n"


def read_publications(path: Path | None) -> Publications:
    """Return the publications that an earlier site lists; none if there are none that can be read."""
    if path is None:
        return Publications()
    try:
        return Publications.model_validate(parse_json(read_bytes(path, SITE_FILE, follow=False)))
    except (OSError, ValueError, ValidationError):
        return Publications()


def with_current(earlier: Publications, entries: Sequence[BoardEntry], date: str) -> Publications:
    """Return *earlier* with the current rows as the newest publication; as it is if no row was added, moved or removed.

    Args:
        earlier: Publications so far.
        entries: The rows of the board.
        date: Date of the newest record.
    """
    now = {entry.id: _standing(entry) for entry in entries}
    before = next(iter(reversed(earlier.states())), {})
    changed: dict[str, Standing | None] = {row: each for row, each in now.items() if before.get(row) != each}
    changed |= dict.fromkeys(row for row in before if row not in now)
    if not changed:
        return earlier
    kept = [*earlier.publications, Publication(date=one_line(date, max_length=40), rows=changed)]
    while len(kept) > MOST_KEPT:
        first, second, *rest = kept
        rows: dict[str, Standing | None] = {
            row: each for row, each in {**first.rows, **second.rows}.items() if each is not None
        }
        kept = [Publication(date=second.date, rows=rows), *rest]
    return Publications(publications=tuple(kept))


def _standing(entry: BoardEntry) -> Standing:
    accuracy = entry.row.metrics.get("accuracy")
    # Of the digits that pages show; more would make a publication of every rounding.
    return (None if accuracy is None else round(accuracy.mean, 5), entry.row.rank_low, entry.row.rank_high)


def courses(publications: Publications) -> dict[str, Any] | None:
    """Return the dates and the accuracies of each row in the latest publications; None for fewer than two."""
    if len(publications.publications) < 2:
        return None
    states = publications.states()[-MOST_DRAWN:]
    rows = states[-1]
    return {
        "dates": [each.date for each in publications.publications[-MOST_DRAWN:]],
        "rows": {row: [state[row][0] if row in state else None for state in states] for row in rows},
    }


def row_history(publications: Publications, row: str) -> list[dict[str, str]]:
    """Return the publications in which a row was added or moved, the newest first; none for fewer than two."""
    if len(publications.publications) < 2:
        return []
    found = [(each.date, each.rows[row]) for each in publications.publications if row in each.rows]
    return [{"date": date, **_words(standing)} for date, standing in reversed(found)]


def moved(publications: Publications, entries: Sequence[BoardEntry]) -> dict[str, Any] | None:
    """Return what moved with the newest publication, the largest moves first; None if it is the first one."""
    if len(publications.publications) < 2:
        return None
    *_, before, now = publications.states()
    newest, previous = publications.publications[-1], publications.publications[-2]
    names = _names(entries)
    lines: list[tuple[int, str, dict[str, Any]]] = []
    for row in newest.rows:
        old, new = before.get(row), now.get(row)
        size = abs((old[1] or 0) - (new[1] or 0)) if old and new else 10**6
        name = names.get(row) or one_line(row, max_length=200)
        line = {
            "name": name,
            "path": f"rows/{row}.html" if row in names else "",
            "kind": "new" if old is None else "removed" if new is None else "moved",
            "before": _words(old),
            "now": _words(new),
        }
        lines.append((-size, name, line))
    lines.sort(key=lambda each: each[:2])
    counts = {kind: sum(line["kind"] == kind for _, _, line in lines) for kind in ("new", "moved", "removed")}
    return {
        "date": newest.date,
        "since": previous.date,
        "summary": ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count),
        "lines": [line for _, _, line in lines[:MOST_MOVED]],
        "more": max(len(lines) - MOST_MOVED, 0),
    }


def _names(entries: Sequence[BoardEntry]) -> Mapping[str, str]:
    labels = {
        id(row): name
        for table in {id(entry.table): entry.table for entry in entries}.values()
        for row, name in zip(table.rows, row_names(table.rows), strict=True)
    }
    return {entry.id: one_line(f"{labels[id(entry.row)]} on {entry.row.data}", max_length=200) for entry in entries}


def _words(standing: Standing | None) -> dict[str, str]:
    if standing is None:
        return {"rank": "–", "accuracy": "–"}
    accuracy, low, high = standing
    rank = "–" if low is None or high is None else str(low) if low == high else f"{low}–{high}"
    return {"rank": rank, "accuracy": "–" if accuracy is None else f"{100 * accuracy:.1f}"}
