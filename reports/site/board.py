"""The board as plain data, stored by column so that a thousand rows stay small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reports.leaderboard.all_columns import all_columns, choose_columns
from reports.leaderboard.columns.column import Column
from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.remarks.footnotes import heading, legend, table_notes
from reports.leaderboard.table import Row, Table, row_names
from reports.site.entries import BoardEntry
from reports.site.statuses import RowVerdict
from zoo.text import one_line

_ALWAYS = ("rank", "model", "accuracy", "interval")  # the page's script relies on these

_DIGITS = 6
"""Significant digits of numbers on the page; ``leaderboard.json`` has full precision."""


_FOLDED = frozenset(
    {"macro_f1", "macs", "train_speed", "peak_memory", "wall_time", "latency_p95", "file_mib", "conversion_time"}
)
"""Default columns of other formats that the page shows only once they are chosen: it would be too wide."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BoardParts:
    """What all boards of a site share, computed once."""

    columns: tuple[Column, ...]
    shown: frozenset[str]
    """Keys of the columns that are shown at first."""
    legend: tuple[str, ...]
    notes: Mapping[int, tuple[str, ...]]
    """Notes of each table, by its identity."""
    places: Mapping[int, int] = field(default_factory=dict)
    """Position of each row in its table, by the identity of the row."""
    labels: Mapping[int, str] = field(default_factory=dict)
    """Name of each row among the others of its table, by the identity of the row."""
    courses: Mapping[str, Any] | None = None
    """Accuracy of each row in the latest publications; None for fewer than two."""


def board_parts(
    leaderboard: Leaderboard, declared: Sequence[Column] = (), courses: Mapping[str, Any] | None = None
) -> BoardParts:
    """Return what all boards of *leaderboard* share.

    Args:
        leaderboard: The leaderboard to show.
        declared: Columns of metrics as a catalog declares them.
        courses: Accuracy of each row in the latest publications.
    """
    columns = all_columns(leaderboard, declared)
    return BoardParts(
        columns=columns,
        courses=courses,
        shown=frozenset(
            column.key
            for column in choose_columns(leaderboard, None, declared)
            if column.key not in _FOLDED or column.key == leaderboard.sort_by
        ),
        legend=tuple(map(one_line, legend(columns, leaderboard))),
        notes={
            id(table): tuple(map(one_line, table_notes(table, columns, leaderboard))) for table in leaderboard.tables
        },
        places={id(row): place for table in leaderboard.tables for place, row in enumerate(table.rows)},
        labels={
            id(row): one_line(name)
            for table in leaderboard.tables
            for row, name in zip(table.rows, row_names(table.rows), strict=True)
        },
    )


def board_data(
    entries: Sequence[BoardEntry],
    parts: BoardParts,
    *,
    verdicts: Mapping[str, RowVerdict],
) -> dict[str, Any]:
    """Return tables, columns and rows of the board.

    Args:
        entries: The rows to show; pages of datasets and models show only some of them.
        parts: What all boards share.
        verdicts: How far each row has been verified, by entry.
    """
    rows = [entry.row for entry in entries]
    signers = [verdicts[entry.id].signer for entry in entries]
    by_table: dict[str, list[int]] = {}
    for index, entry in enumerate(entries):
        by_table.setdefault(entry.table_id, []).append(index)
    tables = {entry.table_id: entry.table for entry in entries}
    return {
        "tables": [
            {
                "id": each,
                "data": tables[each].data,
                "heading": one_line(heading(tables[each])),
                "fingerprint": tables[each].fingerprint,
                "notes": parts.notes[id(tables[each])],
                "size": len(tables[each].rows),
                "rows": indices,
                "breaks": _breaks([rows[index] for index in indices]),
            }
            for each, indices in by_table.items()
        ],
        "columns": [
            _column(column, rows, shown=column.key in parts.shown)
            for column in parts.columns
            if column.key in _ALWAYS or _is_filled(column, rows)
        ],
        "rows": {
            "id": [entry.id for entry in entries],
            "model_id": [entry.model_id for entry in entries],
            "name": [one_line(entry.example.spec.architecture.full_name) for entry in entries],
            "family": _coded([entry.family for entry in entries]),
            "device": _coded([entry.device for entry in entries]),
            "status": _coded([verdicts[entry.id].status for entry in entries]),
            **({"signer": _coded(signers)} if any(signers) else {}),
            "done": [len(entry.row.seeds) for entry in entries],
            "shaded": [int(entry.row.is_shaded) for entry in entries],
            "label": [parts.labels[id(entry.row)] for entry in entries],
            "comparable": _coded([entry.row.speed is None or entry.row.speed.comparable for entry in entries]),
            "place": [parts.places[id(entry.row)] for entry in entries],
            "tied": [_tied(entry.table, parts.places[id(entry.row)]) for entry in entries],
        },
        "legend": parts.legend,
        **(
            {
                "history": {
                    "dates": parts.courses["dates"],
                    "rows": [parts.courses["rows"].get(entry.id, []) for entry in entries],
                }
            }
            if parts.courses
            else {}
        ),
    }


def plain_tables(entries: Sequence[BoardEntry], parts: BoardParts) -> dict[str, Any]:
    """Return the rows as text for tables that need no script: the columns that are shown at first."""
    columns = [column for column in parts.columns if column.key in parts.shown]
    link = next(place for place, column in enumerate(columns) if column.key == "model")
    rows: dict[str, list[list[Any]]] = {}
    for entry in entries:
        cells: list[Any] = [one_line(column.text(entry.row)) for column in columns]
        cells[link] = (cells[link], f"rows/{entry.id}.html")
        rows.setdefault(entry.table_id, []).append(cells)
    return {"columns": columns, "rows": rows, "link": link}


def _tied(table: Table, place: int) -> list[int]:
    """Return the first and last places of the runs of rows that a row is tied with, one after the other."""
    return [end for run in (table.tied[place] if place < len(table.tied) else ()) for end in run]


def _is_filled(column: Column, rows: Sequence[Row]) -> bool:
    return any(value not in (None, "") for row in rows for value in column.plain(row).values())


def _column(column: Column, rows: Sequence[Row], *, shown: bool) -> dict[str, Any]:
    texts = [one_line(column.text(row)) for row in rows]
    plain: dict[str, list[Any]] = {}
    for row in rows:
        for key, value in column.plain(row).items():
            plain.setdefault(key, []).append(_short(value))
    data: dict[str, Any] = {
        "key": column.key,
        "title": one_line(column.title),
        "about": one_line(column.about),
        "numeric": column.numeric,
        "higher": column.higher_is_better,
        "conditional": column.needs_equal_conditions,
        "shown": shown,
        "plain": {key: _coded(values) for key, values in plain.items()},
    }
    # In a column of words, the text equals the plain cell.
    if plain.get(column.key) != texts:
        data["text"] = _coded(texts)
    if column.spread is not None and any(spreads := [one_line(column.spread(row)) for row in rows]):
        data["spread"] = _coded(spreads)
    if column.value is not None:
        values = [_short(column.value(row)) for row in rows]
        if values != plain.get(column.key):
            data["value"] = _coded(values)
        data["sortable"] = True
    return data


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    return one_line(value) if isinstance(value, str) else value


def _coded(values: list[Any]) -> Any:
    """Return values as they are, or as distinct values with an index for each, if that is shorter."""
    words = list(dict.fromkeys(values))
    if len(words) * 4 > len(values) or len(values) < 8:
        return values
    places = {word: place for place, word in enumerate(words)}
    return {"words": words, "places": [places[value] for value in values]}


def _breaks(rows: Sequence[Row]) -> list[int]:
    """Return the rows at which a tie begins: every row above is separated from every row from there on."""
    ties = [row.tie for row in rows if row.tie is not None]
    return [index for index in range(1, len(ties)) if ties[index] != ties[index - 1]]
