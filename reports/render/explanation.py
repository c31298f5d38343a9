"""Explanations as text and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.cells import cell_len, set_cell_size

from reports.comparison.explanation import POWER, Pair, RankExplanation
from reports.leaderboard.columns.cells import NOTHING, p_text, points_text
from reports.render.fitting import GAP, fitting_columns, wrapped
from zoo.text import plural

_LONGEST_LABEL = 32
_SHORTEST_LABEL = 10
_BESIDE_LABEL = 24
"""Cells of a line that a label leaves to its place and to one difference with its p-value."""
_MOST_ROWS = 20


def explanation_text(explanations: Sequence[RankExplanation], *, width: int | None = None) -> str:
    """Return all explanations as text.

    Args:
        explanations: One for each table.
        width: Width of the terminal; a wider matrix continues below, and None sets no limit.
    """
    return "\n".join("\n".join(line.rstrip() for line in _lines(each, width)) + "\n" for each in explanations)


def explanation_data(explanations: Sequence[RankExplanation]) -> list[dict[str, Any]]:
    """Return all explanations as plain data, with numbers that are not rounded."""
    return [{**asdict(each), "power": POWER, "detectable": each.detectable} for each in explanations]


def _lines(explanation: RankExplanation, width: int | None) -> list[str]:
    rows = explanation.rows
    lines = [f"ranks explained: {explanation.data or 'no dataset'}", ""]
    if len(rows) < 2:
        return [*lines, *_wrapped(["fewer than two rows can be compared", *explanation.left_out], width)]
    signs = "; * separated" if any(pair.is_separated for pair in explanation.pairs) else ""
    longest = _LONGEST_LABEL if width is None else max(_SHORTEST_LABEL, min(_LONGEST_LABEL, width - _BESIDE_LABEL))
    labels = [f"{place} {_cut(row.label, longest)}" for place, row in enumerate(rows, start=1)]
    shown = min(len(rows), _MOST_ROWS)
    caption = (
        "accuracy of the row minus that of the column, in percentage points, with the p-value by Holm's method for "
        f"{plural(len(explanation.pairs), 'pair')}{signs}"
    )
    lines += [*_wrapped([caption], width), "", *_matrix(labels[:shown], explanation.pairs, width), ""]
    if shown < len(rows):
        lines += [f" the first {shown} of {len(rows):,} rows; --format json shows all", ""]
    header = ["adjacent rows", "points", "95 % interval", "Cohen's h", "min. detectable"]
    body = [
        [
            f"{pair.first + 1} – {pair.second + 1}",
            points_text(pair.difference),
            f"[{points_text(pair.low)}, {points_text(pair.high)}]",
            f"{pair.cohens_h:+.2f}".replace("-", "−"),
            f"{100 * pair.detectable:.1f}",
        ]
        for pair in explanation.neighbours
    ]
    lines += [*_grid(_fitting([header, *body], (0, 0, 1, 3, 2), width)), ""]
    body = [[label, f"{100 * row.first_share:.1f} %"] for label, row in zip(labels, rows, strict=True)]
    lines += [*_grid([["row", "ranked first"], *body]), ""]
    return [*lines, *_wrapped(_notes(explanation), width)]


def _wrapped(notes: Sequence[str], width: int | None) -> list[str]:
    return [line for note in notes for line in wrapped(note, width, indent=" ")]


def _notes(explanation: RankExplanation) -> list[str]:
    seeds = sorted({row.num_seeds for row in explanation.rows})
    count = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    detectable = explanation.detectable
    assert detectable is not None, "there are pairs"
    return [
        "95 % interval: for the difference, without adjustment for other pairs; Cohen's h: 0.2 is small, 0.5 medium, "
        "0.8 large",
        f"ranked first: share of {explanation.num_resamples:,} resamples of seeds and test images in which the row is "
        "first; with few seeds it is overconfident compared with the ranks, which account for their number",
        f"minimum detectable difference: {100 * detectable:.1f} points (median over pairs), with {count} "
        f"seed{'' if count == '1' else 's'} and {explanation.num_images:,} test images, at a power of "
        f"{100 * POWER:.0f} % and the first step of Holm's method",
        *explanation.left_out,
    ]


def _matrix(labels: Sequence[str], pairs: Sequence[Pair], width: int | None) -> list[str]:
    """Return the upper triangle, in blocks of columns that fit the width."""
    size = len(labels)
    cells = [[""] * size for _ in range(size)]
    for place in range(size):
        cells[place][place] = NOTHING
    for pair in pairs:
        if pair.second < size:
            mark = "*" if pair.is_separated else ""
            cells[pair.first][pair.second] = f"{points_text(pair.difference)} (p {p_text(pair.p)}){mark}"
    name_width = max(map(cell_len, labels))
    cell_width = max(cell_len(cell) for row in cells for cell in row) + GAP
    fitting = size if width is None else max(1, (width - 1 - name_width) // cell_width)
    lines: list[str] = []
    for start in range(1, size, fitting):
        columns = range(start, min(start + fitting, size))
        grid = [["", *(str(column + 1) for column in columns)]]
        grid += [
            [labels[row], *(cells[row][column] for column in columns)] for row in range(min(columns[-1] + 1, size))
        ]
        lines += ([""] if lines else []) + _grid(grid)
    return lines


def _grid(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with aligned columns: the first to the left, the others to the right."""
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        first = row[0] + " " * (widths[0] - cell_len(row[0]))
        others = [" " * (size - cell_len(cell)) + cell for cell, size in zip(row[1:], widths[1:], strict=True)]
        lines.append(" " + (" " * GAP).join([first, *others]))
    return lines


def _fitting(rows: Sequence[Sequence[str]], priorities: Sequence[int], width: int | None) -> list[list[str]]:
    """Return the columns that fit the width; see :func:`reports.render.fitting.fitting_columns`."""
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]))]
    kept = fitting_columns(widths, priorities, None if width is None else width - 1)
    return [[row[column] for column in kept] for row in rows]


def _cut(label: str, longest: int) -> str:
    return label if cell_len(label) <= longest else set_cell_size(label, longest - 1) + "…"
