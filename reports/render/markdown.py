"""A leaderboard as GitHub-flavoured Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reports.leaderboard.all_columns import choose_columns
from reports.leaderboard.columns.cells import shaded_rank_text
from reports.leaderboard.columns.column import Column
from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.overall import Overall
from reports.leaderboard.overall_text import overall_columns, overall_heading, overall_notes
from reports.leaderboard.remarks.footnotes import heading, legend, table_notes
from reports.leaderboard.table import Row

_SPECIAL = re.compile(r"[\\`*\[\]<>|~$&]|(?<![^\W_])_|_(?![^\W_])")


def escape_markdown(text: str) -> str:
    """Escape *text* so that Markdown shows it literally: no emphasis, link, HTML, formula or new cell.

    An underscore between letters or digits is harmless and stays.
    """
    return _SPECIAL.sub(lambda found: "\\" + found.group(), text)


def render_markdown(leaderboard: Leaderboard, columns: Sequence[Column] | None = None, *, brief: bool = False) -> str:
    """Return a table for each dataset with its notes, then the legend; *brief* leaves out notes and legend."""
    columns = choose_columns(leaderboard) if columns is None else columns
    if not leaderboard.tables:
        return "There are no records yet.\n"
    blocks = []
    for table in leaderboard.tables:
        lines = [f"### {escape_markdown(heading(table))}", ""]
        lines.append(_line([column.title for column in columns]))
        lines.append("|" + "|".join("---:" if column.numeric else ":---" for column in columns) + "|")
        lines += [_line([_cell(column, row) for column in columns]) for row in table.rows]
        blocks.append("\n".join(lines))
        notes = [] if brief else table_notes(table, columns, leaderboard)
        if notes:
            blocks.append(_list(notes))
    if leaderboard.overall is not None:
        blocks += _overall(leaderboard.overall, leaderboard.sort_by, brief=brief)
    closing = [] if brief else legend(columns, leaderboard)
    if closing:
        blocks.append(_list(closing))
    return "\n\n".join(blocks) + "\n"


def _overall(overall: Overall, sort_by: str, *, brief: bool) -> list[str]:
    columns = overall_columns(overall)
    lines = [
        f"### {escape_markdown(overall_heading(overall))}",
        "",
        _line([column.title for column in columns]),
        "|" + "|".join("---:" if column.numeric else ":---" for column in columns) + "|",
        *map(_line, zip(*(column.cells for column in columns), strict=True)),
    ]
    return ["\n".join(lines), *([] if brief else [_list(overall_notes(overall, sort_by))])]


def _cell(column: Column, row: Row) -> str:
    return shaded_rank_text(row) if column.key == "rank" else column.text(row)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escape_markdown(cell) for cell in cells) + " |"


def _list(notes: Sequence[str]) -> str:
    # A zero-width space in front keeps a note from starting a heading, a rule or another list.
    return "\n".join(f"- {'&#8203;' if note[:1] in '#+-=' else ''}{escape_markdown(note)}" for note in notes)
