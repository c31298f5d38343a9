"""The overall section of the index: rows over all datasets as a table, a chart of mean ranks and a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.leaderboard.all_columns import find_sort_column
from reports.leaderboard.columns.cells import NOTHING, interval_text
from reports.leaderboard.columns.column import Column
from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.overall import IncompleteRow, Overall, OverallRow, value_of
from reports.leaderboard.overall_text import overall_absence, overall_columns, overall_heading, overall_notes
from reports.leaderboard.table import Row
from zoo.text import one_line, plural

MOST_ROWS = 40
"""Number of rows that the page shows; files have all."""
NUM_LEVELS = 9
"""Number of shades of the heat map."""


def overall_section(leaderboard: Leaderboard, columns: Sequence[Column]) -> dict[str, Any]:
    """Return the section as plain data, or only why there is none.

    Args:
        leaderboard: The leaderboard to show.
        columns: All its columns.
    """
    overall = leaderboard.overall
    if overall is None:
        return {"absence": overall_absence(leaderboard)}
    shown = [column for column in overall_columns(overall) if any(cell != NOTHING for cell in column.cells)]
    lines = list(zip(*(column.cells for column in shown), strict=True))
    rest = len(lines) - MOST_ROWS
    value_column = find_sort_column(leaderboard.sort_by, columns)
    return {
        "absence": "",
        "heading": one_line(overall_heading(overall)),
        "columns": [{"title": column.title, "numeric": column.numeric} for column in shown],
        "rows": [[one_line(cell) for cell in line] for line in lines[:MOST_ROWS]],
        "on_each": _on_each(overall, leaderboard, value_column),
        "more": f"and {plural(rest, 'more row')}, which leaderboard.csv lists" if rest > 0 else "",
        "notes": [one_line(note) for note in overall_notes(overall, leaderboard.sort_by)],
        "chart": _chart(overall),
        "heat": _heat(overall, leaderboard, value_column),
    }


def _members(overall: Overall) -> list[OverallRow | IncompleteRow]:
    members: list[OverallRow | IncompleteRow] = list(overall.rows)
    members += overall.incomplete
    return members


def _name(model: str, recipe: str, overall: Overall) -> str:
    recipes = {row.recipe for row in _members(overall) if row.model == model}
    return one_line(f"{model}, {recipe}" if len(recipes) > 1 else model)


def _chart(overall: Overall) -> dict[str, Any]:
    points = []
    for row in overall.rows[:MOST_ROWS]:
        name = _name(row.model, row.recipe, overall)
        text = f"mean rank {row.mean_rank:.2f}"
        if row.low is not None and row.high is not None:
            text += f", 95 % interval {row.low:.1f} to {row.high:.1f}"
        on_each = [f"{one_line(data)}: rank {rank:g}" for data, rank in zip(overall.data, row.ranks, strict=True)]
        points.append(
            {
                "label": name,
                "short": name,
                "y": round(row.mean_rank, 4),
                "low": row.low,
                "high": row.high,
                "lines": [text, *on_each[:12]],
            }
        )
    return {"points": points, "xTitle": "mean rank (lower is better)", "isShare": False, "most": MOST_ROWS}


def _on_each(overall: Overall, leaderboard: Leaderboard, column: Column) -> list[list[dict[str, str]]]:
    """Return the value of each row on each dataset with its interval, which a phone shows beside the mean rank."""
    tables = [found for table in leaderboard.tables if (found := _valued(table.rows, column))]
    rows = [[found[each.combination][0] for found in tables] for each in overall.rows[:MOST_ROWS]]
    # Columns of other metrics have the interval in their text.
    interval = interval_text if column.key == "accuracy" else lambda row: ""
    return [[{"text": one_line(column.text(row)), "interval": interval(row)} for row in line] for line in rows]


def _heat(overall: Overall, leaderboard: Leaderboard, column: Column) -> dict[str, Any]:
    """Return the value of each row on each dataset, with a shade from the worst to the best row of the dataset."""
    tables = [found for table in leaderboard.tables if (found := _valued(table.rows, column))]
    members = _members(overall)[:MOST_ROWS]
    scales = []
    for found in tables:
        values = [found[each.combination][1] for each in members if each.combination in found]
        scales.append((min(values), max(values)) if values else (0.0, 0.0))
    lines = []
    for each in members:
        cells: list[dict[str, Any]] = []
        for found, (low, high) in zip(tables, scales, strict=True):
            if each.combination not in found:
                cells.append({"text": NOTHING, "level": None})
                continue
            row, value = found[each.combination]
            share = 1.0 if high == low else (value - low) / (high - low)
            share = share if column.higher_is_better else 1 - share
            cells.append({"text": one_line(column.text(row)), "level": round(share * (NUM_LEVELS - 1))})
        if any(cell["level"] is not None for cell in cells):  # a row that failed everywhere has nothing to show
            lines.append({"name": _name(each.model, each.recipe, overall), "cells": cells})
    return {"data": [one_line(name) for name in overall.data], "title": one_line(column.title), "rows": lines}


def _valued(rows: Sequence[Row], column: Column) -> dict[str, tuple[Row, float]]:
    return {row.combination: (row, value) for row in rows if (value := value_of(row, column)) is not None}
