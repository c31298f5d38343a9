"""A leaderboard as CSV: one line for each row of all tables, with numbers that are not rounded."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from reports.leaderboard.all_columns import all_columns
from reports.leaderboard.columns.column import Column, plain_cells
from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.overall import overall_plain

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: Any) -> Any:
    """Return *value* so that a spreadsheet does not execute it: text that starts a formula gets a quote in front.

    See "CSV injection" by the OWASP Foundation. Numbers are left alone.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith(_STARTS_FORMULA):
        return f"'{value}"
    return value


def render_csv(leaderboard: Leaderboard, columns: Sequence[Column] | None = None) -> str:
    """Return a header and a line for each row, starting with the fingerprint of the images.

    With all columns and an overall table, the overall numbers of each combination are added at the end of the line.
    """
    overall = overall_plain(leaderboard.overall) if columns is None else None
    columns = all_columns(leaderboard) if columns is None else columns
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    lines = [
        {
            "fingerprint": table.fingerprint[:12],
            **plain_cells(row, columns),
            **({} if overall is None else overall[row.combination]),
        }
        for table in leaderboard.tables
        for row in table.rows
    ]
    header = list(lines[0]) if lines else ["fingerprint", *(column.key for column in columns)]
    writer.writerow([safe_cell(name) for name in header])
    # Most cells are numbers, which need no look.
    writer.writerows(
        [value if type(value) is float or type(value) is int else safe_cell(value) for value in line.values()]
        for line in lines
    )
    return file.getvalue()
