"""The leaderboard: the rows of all its tables."""

from __future__ import annotations

from reports.leaderboard.building import build_leaderboard


def test_rows_are_those_of_all_tables_in_order(make_trial):
    trials = [
        make_trial("a", data="x", fingerprint="1" * 64),
        make_trial("b", data="y", fingerprint="2" * 64, accuracy=0.5),
        make_trial("c", data="y", fingerprint="2" * 64, accuracy=0.9),
    ]
    assert [(row.data, row.model) for row in build_leaderboard(trials).rows] == [("x", "a"), ("y", "c"), ("y", "b")]
