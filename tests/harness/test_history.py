"""The history: appended line by line, read while it grows."""

from __future__ import annotations

from pathlib import Path

from harness.history import HistoryTail, HistoryWriter, encode_row, read_history


def test_a_tail_gives_each_row_once(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    tail = HistoryTail(path)
    assert list(tail.new_rows()) == []
    writer = HistoryWriter(path)
    writer.write({"epoch": 1})
    assert list(tail.new_rows()) == [{"epoch": 1}]
    writer.write({"epoch": 2})
    writer.close()
    assert list(tail.new_rows()) == [{"epoch": 2}]
    assert list(tail.new_rows()) == []


def test_a_torn_last_line_is_dropped_and_all_whole_lines_are_kept(tmp_path: Path) -> None:
    """optuna#5138: a torn last line made every later start fail."""
    path = tmp_path / "history.jsonl"
    path.write_bytes(encode_row({"epoch": 1}) + encode_row({"epoch": 2}) + b'{"epo')
    assert read_history(path) == [{"epoch": 1}, {"epoch": 2}]


def test_a_line_that_a_crash_tore_in_the_middle_costs_itself_only(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(encode_row({"epoch": 1}) + b'{"epo' + encode_row({"epoch": 2}) + encode_row({"epoch": 3}))
    assert read_history(path) == [{"epoch": 1}, {"epoch": 3}]
