"""Staging: folders are removed at the end, and those of dead processes at the next time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.system.staging import staging, write_staged

_KILLED = """
import os, signal, sys
from pathlib import Path
from harness.system.staging import staging, write_staged
with staging(Path(sys.argv[1]), "x") as made:
    (made / "half").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_staging_folder_is_removed_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), staging(tmp_path, "x") as made:
        (made / "absent" / "half").write_bytes(b"half")
    assert not list(tmp_path.iterdir())


def test_those_of_killed_processes_are_removed_and_those_in_use_are_not(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], timeout=60)
    (left,) = tmp_path.iterdir()
    with staging(tmp_path, "x") as made:
        assert not left.exists()
        with staging(tmp_path, "x"):
            assert made.is_dir()
        assert [path.name for path in tmp_path.iterdir()] == [made.name]


def _write_new(path: Path) -> None:
    path.write_bytes(b"new")


def test_a_staged_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "net[1].onnx"
    path.write_bytes(b"old")

    def fail(temporary: Path) -> None:
        assert temporary.suffix == ".onnx"
        temporary.write_bytes(b"half")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        write_staged(path, fail)
    assert path.read_bytes() == b"old"
    write_staged(path, _write_new)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_killed_processes_left_of_a_file_is_removed_whatever_its_name(tmp_path: Path) -> None:
    left = tmp_path / ".tmp-net[1].onnx-abc"
    left.mkdir()
    write_staged(tmp_path / "net[1].onnx", _write_new)
    assert not left.exists()


def test_a_link_that_looks_like_one_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    (tmp_path / ".tmp-x-1").symlink_to(precious)
    with staging(tmp_path, "x"):
        pass
    assert [path.name for path in precious.iterdir()] == ["file"]
