"""The column: one declaration for text, numbers and order."""

from __future__ import annotations

from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.columns.column import plain_cells, simple_column


def test_a_numeric_column_has_text_plain_cells_and_an_order(make_trial):
    column = simple_column("params", "params", "size", lambda row: row.params, lambda value: f"{value:,}")
    (row,) = build_leaderboard([make_trial(params=1234)]).rows
    assert (column.text(row), column.plain(row), column.value(row)) == ("1,234", {"params": 1234}, 1234)


def test_a_text_column_cannot_be_sorted_by():
    assert simple_column("data", "data", "dataset", lambda row: row.data, str, numeric=False).value is None


def test_cells_of_several_columns_are_one_mapping(make_trial):
    (row,) = build_leaderboard([make_trial()]).rows
    columns = [simple_column(key, key, key, lambda row, key=key: key, str) for key in "ab"]
    assert plain_cells(row, columns) == {"a": "a", "b": "b"}
