"""Leaderboards to render: they hold what formats trip over."""

from __future__ import annotations

from zoo.testing.leaderboards import ODD_NAMES, empty_leaderboards, odd_leaderboard, small_leaderboard


def test_the_small_one_has_ranked_rows_and_one_without_a_result() -> None:
    rows = small_leaderboard().tables[0].rows
    assert [row.rank_low for row in rows] == [1, 1, 3, None]
    assert not rows[-1].metrics
    assert rows[-1].unfinished


def test_odd_names_are_used_for_all_names() -> None:
    leaderboard = odd_leaderboard()
    assert [table.data for table in leaderboard.tables] == list(ODD_NAMES)
    assert {row.model for row in leaderboard.rows} == set(ODD_NAMES)
    assert any(any(sign in name for name in ODD_NAMES) for sign in "|<&=%{")


def test_of_the_empty_ones_each_lacks_something() -> None:
    empty = empty_leaderboards()
    assert not empty["without tables"].tables
    assert not empty["with a table without rows"].rows
    assert not any(row.metrics for leaderboard in empty.values() for row in leaderboard.rows)
