"""A leaderboard as JSON. ``leaderboard.schema.json`` describes the layout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reports.leaderboard.all_columns import all_columns
from reports.leaderboard.columns.column import Column, plain_cells
from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.overall import Overall
from reports.leaderboard.overall_text import overall_notes
from reports.leaderboard.remarks.footnotes import legend, table_notes
from reports.leaderboard.table import Row, Table
from reports.render.explanation import explanation_data
from reports.statistics.multiplicity import CONFIDENCE

if TYPE_CHECKING:
    from reports.comparison.explanation import RankExplanation

SCHEMA_VERSION = 1


def leaderboard_data(
    leaderboard: Leaderboard,
    columns: Sequence[Column] | None = None,
    explanations: Sequence[RankExplanation] | None = None,
) -> dict[str, Any]:
    """Return the leaderboard as plain data, with explanations if there are any; unknown values are None."""
    columns = all_columns(leaderboard) if columns is None else columns
    data: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "sort_by": leaderboard.sort_by,
        "confidence": CONFIDENCE,
        "tables": [_table(table, columns, leaderboard) for table in leaderboard.tables],
        "overall": None if leaderboard.overall is None else _overall(leaderboard.overall, leaderboard.sort_by),
        "notes": legend(columns, leaderboard),
    }
    return data if explanations is None else {**data, "explanations": explanation_data(explanations)}


def render_json(
    leaderboard: Leaderboard,
    columns: Sequence[Column] | None = None,
    explanations: Sequence[RankExplanation] | None = None,
) -> str:
    """Return the leaderboard as indented JSON."""
    data = leaderboard_data(leaderboard, columns, explanations)
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _overall(overall: Overall, sort_by: str) -> dict[str, Any]:
    return {**asdict(overall), "notes": overall_notes(overall, sort_by)}


def _table(table: Table, columns: Sequence[Column], leaderboard: Leaderboard) -> dict[str, Any]:
    return {
        "data": table.data,
        "fingerprint": table.fingerprint,
        "num_test": table.num_test,
        "num_classes": table.num_classes,
        "openings": table.openings,
        "optimism": table.optimism,
        "rows": [_row(row, columns) for row in table.rows],
        "notes": table_notes(table, columns, leaderboard),
    }


def _row(row: Row, columns: Sequence[Column]) -> dict[str, Any]:
    return {
        "cells": plain_cells(row, columns),
        "seeds": list(row.seeds),
        "unfinished": [asdict(each) for each in row.unfinished],
        "comparable_speed": row.speed.comparable if row.speed else None,
        "dominated_by": {key: [asdict(each) for each in found] for key, found in row.dominated_by.items()},
        "combination": row.combination,
        "trials": list(row.trials),
    }
