"""Staging: folders are removed at the end, and those of dead processes at the next time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from filelock import FileLock

from harness.system.staging import LOCK_FILE, scratch_folder, staging, write_staged

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
    (left / LOCK_FILE).touch()
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


@pytest.fixture
def system_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_scratch_folders_of_killed_processes_are_removed_at_the_next_one(system_temporary: Path) -> None:
    code = _KILLED.replace('staging(Path(sys.argv[1]), "x")', 'scratch_folder("publish")').replace(
        "staging, write_staged", "scratch_folder"
    )
    environment = {**os.environ, "TMPDIR": str(system_temporary)}
    subprocess.run([sys.executable, "-c", code], timeout=60, env=environment)
    (left,) = system_temporary.iterdir()
    assert left.name.startswith("zoo-publish-")
    with scratch_folder("bench"):
        assert left.exists()
    with scratch_folder("publish") as made:
        assert [path.name for path in system_temporary.iterdir()] == [made.name]
    assert not list(system_temporary.iterdir())


def _age(path: Path) -> None:
    then = time.time() - 7200
    os.utime(path, (then, then))


def test_only_what_zoo_wrote_is_removed(system_temporary: Path) -> None:
    precious = system_temporary / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    (system_temporary / "zoo-publish-link").symlink_to(precious)
    for name in ("being-made", "mine", "trap", "killed-early"):
        (system_temporary / f"zoo-publish-{name}").mkdir()
    (system_temporary / "zoo-publish-mine" / "notes.txt").touch()
    (system_temporary / "zoo-publish-trap" / LOCK_FILE).symlink_to(precious / "file")
    (system_temporary / "zoo-publish-file").touch()
    for name in ("mine", "trap", "killed-early"):
        _age(system_temporary / f"zoo-publish-{name}")
    with scratch_folder("publish"):
        pass
    left = {path.name.removeprefix("zoo-publish-") for path in system_temporary.iterdir()}
    assert left == {"precious", "link", "being-made", "mine", "trap", "file"}
    assert (precious / "file").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give folders away")
def test_folders_of_other_users_are_left_alone(system_temporary: Path) -> None:
    theirs = system_temporary / "zoo-publish-theirs"
    theirs.mkdir()
    (theirs / LOCK_FILE).touch()
    os.chown(theirs, 12345, 12345)
    with scratch_folder("publish"):
        assert theirs.exists()


@pytest.mark.parametrize("before", [True, False])
def test_a_folder_that_another_process_removes_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    whole, robbed = FileLock.acquire, []

    def rob(lock: FileLock) -> None:
        if not robbed:
            robbed.append(Path(lock.lock_file).parent)
            shutil.rmtree(robbed[0])

    def acquire(lock: FileLock, *args: object, **options: object) -> object:
        if before and not robbed:  # between the moments at which the lock looks for its folder and opens its file
            rob(lock)
            raise FileNotFoundError(lock.lock_file)
        held = whole(lock, *args, **options)  # type: ignore[arg-type]
        rob(lock)
        return held

    monkeypatch.setattr(FileLock, "acquire", acquire)
    with staging(tmp_path, "x") as found:
        assert found.is_dir()
        assert [found] != robbed
    assert not list(tmp_path.iterdir())


def test_what_a_failing_disk_leaves_of_one_is_removed_the_next_time(
    system_temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.unlink

    def failing(path: object, **options: object) -> None:
        if str(path).endswith("b"):
            raise OSError(5, "Input/output error")
        whole(path, **options)  # type: ignore[call-overload]

    with scratch_folder("publish") as made:
        for name in ("a", "b", "c"):
            (made / name).mkdir()
            (made / name / name).touch()
        monkeypatch.setattr(os, "unlink", failing)
    assert {path.name for path in made.iterdir()} == {LOCK_FILE, "b"}
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(system_temporary))
    with scratch_folder("publish"):
        assert not made.exists()
