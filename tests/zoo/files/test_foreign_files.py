"""What a file is that was given in place of another."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.files.foreign_files import archive_kind, kind_of, table_kind


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"BZh9" + bytes(40), "is compressed"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(40), "is a 7z archive"),
        (b"PK\x03\x04" + bytes(40), "is a zip archive"),
        (b'<?xml version="1.0"?><!DOCTYPE html><html/>', "is a web page"),
        (b'<?xml version="1.0"?><net name="x"/>', ""),
        (b"path,label\n", ""),
    ],
)
def test_a_file_is_known_by_its_first_bytes(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "file").write_bytes(content)
    found = kind_of(tmp_path / "file")
    assert found.startswith(words) if words else not found
    assert archive_kind(tmp_path / "file") == (found if "archive" in found else "")


def test_a_table_in_another_format_is_told_and_damage_is_not() -> None:
    assert table_kind(b"\xef\xbb\xbfpath;label\n").startswith("is a text table")
    assert table_kind(b'[{"a": 1}]').startswith("is JSON text")
    assert table_kind(b"FEA1" + bytes(8)).startswith("is an Arrow or Feather file")
    assert table_kind(b"PAR\0,;") == table_kind(b"") == table_kind(b"no") == ""


def test_what_cannot_be_read_is_told_by_its_reader(tmp_path: Path) -> None:
    assert not kind_of(tmp_path)
    assert not kind_of(tmp_path / "none")
