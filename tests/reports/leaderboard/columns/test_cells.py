"""Cells: how numbers are formatted."""

from __future__ import annotations

from reports.leaderboard.columns.cells import count, duration_text, number


def test_numbers_have_three_significant_digits():
    assert [number(value) for value in (0.01234, 1.234, 45.67, 999.6, 12345.6, 0, None)] == [
        "0.0123",
        "1.23",
        "45.7",
        "1,000",
        "12,300",
        "0",
        "–",
    ]
    assert [count(value) for value in (0, 61_706, 270_000, 41_000_000, 999_600_000, 1_820_000_000, 2e15, None)] == [
        "0",
        "61.7 k",
        "270 k",
        "41 M",
        "1 G",
        "1.82 G",
        "2,000,000 G",
        "–",
    ]
    assert [duration_text(value) for value in (4.21, 75.2, 200.0, 7200.0, None)] == [
        "4.2 s",
        "1 min 15 s",
        "3 min 20 s",
        "2 h 00 min",
        "–",
    ]
