"""Durable files: whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.system.atomic_files import sha256_of, write_atomically, write_bytes, write_json


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """lightning#19970: an atomic save that a refactor lost."""
    target = tmp_path / "record.json"
    write_bytes(target, b"old")

    def fail(temporary: Path) -> None:
        temporary.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_atomically(target, fail)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_nan_is_never_written_as_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", {"value": float("nan")})
    assert not list(tmp_path.iterdir())


def test_the_sum_is_that_of_the_content(tmp_path: Path) -> None:
    write_bytes(tmp_path / "x", b"abc")
    assert sha256_of(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_json_for_people_has_a_line_for_each_row_of_a_matrix(tmp_path: Path) -> None:
    value = {"names": ["a", "ü\n"], "matrix": [[1, 2], [3, 4]], "none": [], "nothing": {}, "mixed": [1, {"x": None}]}
    write_json(tmp_path / "value.json", value)
    text = (tmp_path / "value.json").read_text()
    assert json.loads(text) == value
    assert "    [1,2],\n    [3,4]\n" in text
    assert text.count("\n") == 15
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "value.json", {"loss": [float("nan")]})
    assert json.loads((tmp_path / "value.json").read_text()) == value
