"""The process of a trial: what it tells in its history, which a plugin may spoil, and the reason of its end."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.bench.processes.jobs import CLOSED, EXIT_UNWRITABLE, UNWRITABLE
from harness.bench.trial_process import TrialProcess
from harness.records.history import HistoryTail, HistoryWriter
from harness.records.record import FailureKind
from zoo.events import PhaseStarted


@pytest.fixture
def running(tmp_path: Path) -> TrialProcess:
    """A trial whose process has ended because its files could not be written."""
    given: Any = SimpleNamespace
    return TrialProcess(
        trial=given(trial_id="t"),
        before=None,
        job=given(seconds=1.0, lost="", status=EXIT_UNWRITABLE),
        slot=given(),
        folder=tmp_path,
        tail=HistoryTail(tmp_path / "history.jsonl"),
        kills_before=None,
    )


@pytest.mark.parametrize(
    "row",
    [{"event": "epoch"}, {"event": "epoch", "epoch": []}, {"event": "epoch", "epoch": 1, "x": 2}, {"event": "phase"}],
)
def test_a_row_that_only_a_plugin_can_have_written_is_left_out(running: TrialProcess, row: dict[str, Any]) -> None:
    writer = HistoryWriter(running.folder / "history.jsonl")
    writer.write(row)
    writer.write({"event": "phase", "phase": "test"})
    writer.close()
    assert list(running.events()) == [PhaseStarted(trial_id="t", phase="test")]


@pytest.mark.timeout(60)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_tells_nothing_and_is_not_waited_for(running: TrialProcess, kind: str) -> None:
    for name in ("history.jsonl", "log.txt"):
        path = running.folder / name
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        else:
            path.mkdir()
    assert list(running.events()) == []
    failure = running.reason_of_status()
    assert failure is not None
    assert (failure.kind, failure.message) == (FailureKind.DISK, UNWRITABLE)


def test_closed_files_are_the_plugins_fault_and_not_the_disks(running: TrialProcess) -> None:
    (running.folder / "log.txt").write_text(f"{CLOSED}: [Errno 9] Bad file descriptor\n")
    failure = running.reason_of_status()
    assert failure is not None
    assert failure.kind is FailureKind.PLUGIN
