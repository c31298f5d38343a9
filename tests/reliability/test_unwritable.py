"""A store that cannot be written: one sentence, nothing lost, and the same command continues."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.records.history import encode_row, read_history
from harness.records.record import FailureKind


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux":
        pytest.skip("only Linux has a tmpfs")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(disk: Path) -> Path:
    """Take all its space."""
    path = disk / "ballast"
    with path.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return path


def _is_one_sentence(said: str) -> bool:
    return "Traceback" not in said and "bug" not in said and len(said.splitlines()) == 1


def test_a_full_disk_gives_a_sentence_and_with_space_the_same_command_continues(
    make_bench: Callable[[], Any], resident: Any, clean: dict[str, Any], small_disk: Path
) -> None:
    """The row "disk full raises RuntimeError from torch.save, which looks like OOM"; lightning#21800."""
    bench = make_bench()
    bench.store.root = small_disk / "runs"
    assert bench.run(seeds=1).counts == {"done": 2}
    before = bench.content()
    ballast = _fill(small_disk)
    ended = bench.call(resident)
    assert ended.code in (1, 2)
    assert "No space left on device" in ended.said or "disk" in ended.said
    assert ended.code == 1 or _is_one_sentence(ended.said), ended.said
    assert {trial: told for trial, told in bench.content().items() if trial in before} == before
    ballast.unlink()
    assert bench.run().counts == {"done": 4}
    assert bench.content() == clean


def test_a_read_only_store_gives_a_sentence_and_stays_unchanged(
    make_bench: Callable[[], Any], resident: Any, clean: dict[str, Any], small_disk: Path
) -> None:
    """lightning#21800: a swallowed PermissionError. Mounted read-only, which stops root too."""
    bench = make_bench()
    bench.store.root = small_disk / "runs"
    assert bench.run(seeds=1).counts == {"done": 2}
    before = bench.content()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    ended = bench.call(resident)
    assert ended.code == 2
    assert "Read-only file system" in ended.said
    assert _is_one_sentence(ended.said), ended.said
    assert bench.content() == before
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert bench.run().counts == {"done": 4}
    assert bench.content() == clean


def test_a_trial_on_an_unwritable_disk_fails_as_disk_and_is_retried_automatically(
    make_bench: Callable[..., Any], small_disk: Path
) -> None:
    """lightning#21800: a swallowed error in writing. Here a plugin's own file, so that the record can be written."""
    bench = make_bench()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    asked = {"models": ("toy_writer", "toy_linear"), "seeds": 1, "path": str(small_disk / "weights")}
    summary = bench.run(**asked)
    assert summary.counts == {"failed": 1, "done": 1}
    (failed,) = [record for record in summary.records if record.failure]
    assert failed.failure.kind is FailureKind.DISK
    assert failed.reason == "the file system is read-only (during build)"
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert bench.run(**asked).counts == {"done": 2}


def test_leftovers_of_a_killed_process_are_removed_and_a_torn_history_is_gone_on_from(
    make_bench: Callable[[], Any], resident: Any, clean: dict[str, Any]
) -> None:
    """The row "stale temporaries remain", and optuna#5138."""
    bench = make_bench()
    assert bench.run().counts == {"done": 4}
    for folder, _ in list(bench.store.records()):
        (folder / "record.json").unlink()
        (folder / ".tmp-record.json-x1.json").write_bytes(b'{"half": ')
        (folder / ".tmp-checkpoint.safetensors-x2.safetensors").write_bytes(b"\0" * 100)
        with (folder / "history.jsonl").open("ab") as file:
            file.write(encode_row({"event": "attempt", "number": 2})[:20])
    (bench.store.root / ".tmp-leaderboard.csv-x3.csv").write_text("rank")
    ended = bench.call(resident)
    assert (ended.code, ended.said) == (0, "")
    assert {trial: told["epochs"] for trial, told in bench.content().items()} == {
        trial: told["epochs"] for trial, told in clean.items()
    }
    assert not list(bench.store.root.rglob(".tmp-*"))
    for folder, record in bench.store.records():
        assert record.attempts == 2
        assert [row["number"] for row in read_history(folder / "history.jsonl") if row["event"] == "attempt"] == [1, 2]
