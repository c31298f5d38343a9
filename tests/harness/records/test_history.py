"""The history: appended line by line, read while it grows."""

from __future__ import annotations

import os
from pathlib import Path

from harness.records.history import HistoryTail, HistoryWriter, encode_row, read_history


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


def test_a_torn_line_in_the_middle_affects_no_other(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(encode_row({"epoch": 1}) + b'{"epo' + encode_row({"epoch": 2}) + encode_row({"epoch": 3}))
    assert read_history(path) == [{"epoch": 1}, {"epoch": 3}]


def test_a_history_that_another_takes_the_place_of_is_read_from_its_start(tmp_path: Path) -> None:
    """A bench may look before the trial that it resumes has put the history of the epochs it keeps in place."""
    path, other = tmp_path / "history.jsonl", tmp_path / "other.jsonl"
    path.write_bytes(b"".join(encode_row({"event": "epoch", "epoch": epoch}) for epoch in (1, 2, 3, 4)))
    tail = HistoryTail(path)
    assert len(list(tail.new_rows())) == 4
    other.write_bytes(encode_row({"event": "epoch", "epoch": 1}))
    os.replace(other, path)
    with path.open("ab") as file:
        file.write(encode_row({"event": "epoch", "epoch": 2}))
    assert [row["epoch"] for row in tail.new_rows()] == [1, 2]
    assert list(tail.new_rows()) == []
