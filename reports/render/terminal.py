"""A leaderboard for a terminal: columns that do not fit are left out by priority, and cells never wrap."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from reports.leaderboard.all_columns import choose_columns
from reports.leaderboard.columns.column import Column
from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.overall import Overall
from reports.leaderboard.overall_text import overall_columns, overall_heading, overall_notes
from reports.leaderboard.remarks.footnotes import heading, legend, table_notes
from reports.leaderboard.table import Row, Table
from reports.render.fitting import GAP, cut_names, fitting_columns

_SHADED = "grey93 on grey23"  # both colours, so that it can be read on a light terminal as well


def render_terminal(
    leaderboard: Leaderboard,
    columns: Sequence[Column] | None = None,
    *,
    width: int | None = None,
    brief: bool = False,
) -> RenderableType:
    """Return a table for each dataset, then the legend, for rich to print.

    Args:
        leaderboard: The leaderboard to show.
        columns: The columns to show; by default the usual ones.
        width: Width of the terminal; None leaves nothing out.
        brief: Leave out all notes.
    """
    columns = choose_columns(leaderboard) if columns is None else columns
    if not leaderboard.tables:
        return Text("There are no records yet.")
    fitting = _fitting(leaderboard, columns, width)
    left_out = [column.key for column in columns if column not in fitting]
    widths = _cell_widths(leaderboard, fitting, width)
    parts: list[RenderableType] = []
    for table in leaderboard.tables:
        parts += [Text(heading(table), style="bold"), _grid(table, fitting, widths)]
        parts += [_note(note) for note in ([] if brief else table_notes(table, fitting, leaderboard))]
        parts.append(Text(""))
    if leaderboard.overall is not None:
        parts += [*_overall(leaderboard.overall, leaderboard.sort_by, width, brief=brief), Text("")]
    if brief:
        return Group(*parts[:-1])
    parts += [_note(note) for note in legend(fitting, leaderboard)]
    if left_out:
        parts.append(_note(f"columns left out to fit the width: {', '.join(left_out)}"))
    return Group(*parts)


def terminal_text(
    leaderboard: Leaderboard,
    columns: Sequence[Column] | None = None,
    *,
    width: int | None = None,
    brief: bool = False,
) -> str:
    """Return the same as plain text, without colour."""
    file = io.StringIO()
    widest = width or 100_000
    console = Console(file=file, width=widest, color_system=None, force_terminal=False, legacy_windows=False)
    console.print(render_terminal(leaderboard, columns, width=width, brief=brief))
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    return "\n".join(lines) + "\n"


def _fitting(leaderboard: Leaderboard, columns: Sequence[Column], width: int | None) -> list[Column]:
    """Choose the columns that fit a line, lowest priority number first; names and what orders rows always stay."""
    if width is None:
        return list(columns)
    differs = {
        name: any(len({getattr(row, name) for row in table.rows}) > 1 for table in leaderboard.tables)
        for name in ("recipe", "runtime")
    }
    differs[leaderboard.sort_by] = True  # what the order is about
    chosen, used = set(), -GAP
    for column in sorted(columns, key=lambda column: 0 if differs.get(column.key) else column.priority):
        needs = _width(column, leaderboard.rows) + GAP
        if used + needs <= width or column.priority == 0 or differs.get(column.key):
            chosen.add(column.key)
            used += needs
    return [column for column in columns if column.key in chosen]


def _width(column: Column, rows: Sequence[Row]) -> int:
    return max([cell_len(column.title), *(cell_len(column.text(row)) for row in rows)])


def _cell_widths(leaderboard: Leaderboard, columns: Sequence[Column], width: int | None) -> list[int]:
    """Return the widths of the columns. If even the fewest do not fit, names are cut: a cut number would be wrong."""
    widths = [_width(column, leaderboard.rows) for column in columns]
    return cut_names(widths, [index for index, column in enumerate(columns) if not column.numeric], width)


def _overall(overall: Overall, sort_by: str, width: int | None, *, brief: bool) -> list[RenderableType]:
    every = overall_columns(overall)
    widths = [max(map(cell_len, [column.title, *column.cells])) for column in every]
    kept = fitting_columns(widths, [column.priority for column in every], width)
    columns = [every[place] for place in kept]
    names = [index for index, column in enumerate(columns) if not column.numeric]
    cut = cut_names([widths[place] for place in kept], names, width)
    grid = _empty_grid([(column.title, column.numeric) for column in columns], cut)
    for cells in zip(*(column.cells for column in columns), strict=True):
        grid.add_row(*map(Text, cells))
    notes = [] if brief else overall_notes(overall, sort_by)
    return [Text(overall_heading(overall), style="bold"), grid, *map(_note, notes)]


def _empty_grid(header: Sequence[tuple[str, bool]], widths: Sequence[int]) -> RichTable:
    grid = RichTable(
        box=box.SIMPLE_HEAD, padding=(0, 1), collapse_padding=True, pad_edge=False, show_edge=False, header_style="bold"
    )
    for (title, numeric), cells in zip(header, widths, strict=True):
        justify: JustifyMethod = "right" if numeric else "left"
        grid.add_column(Text(title), justify=justify, no_wrap=True, overflow="ellipsis", width=cells)
    return grid


def _grid(table: Table, columns: Sequence[Column], widths: Sequence[int]) -> RichTable:
    grid = _empty_grid([(column.title, column.numeric) for column in columns], widths)
    is_ranked = any(row.rank_low is not None for row in table.rows)
    for row in table.rows:
        is_faint = row.rank_low is None and (is_ranked or not row.seeds)
        style = "dim" if is_faint else _SHADED if row.is_shaded else ""
        # Text and not str, because rich would read names as markup.
        grid.add_row(*(Text(column.text(row)) for column in columns), style=style)
    return grid


def _note(text: str) -> RenderableType:
    return Padding(Text(text, style="dim"), (0, 0, 0, 1))
