"""Who holds the lock of a file, and whether all of them are stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from harness.system import lock_holders
from harness.system.lock_holders import holders_of, is_stopped, stopped_holders

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who holds a lock")

HOLD = (
    "import fcntl, os, sys; file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT); fcntl.flock(file, fcntl.LOCK_SH);"
    "print('held', flush=True); sys.stdin.read()"
)


@contextmanager
def holding(path: Path) -> Iterator[int]:
    """Hold a shared lock in a process of its own."""
    command = [sys.executable, "-S", "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process.pid
        finally:
            process.kill()


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    while not is_stopped(pid):  # the signal is on its way
        time.sleep(0.001)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[int]:
    file = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    yield file
    os.close(file)


def test_all_who_hold_a_lock_are_found_and_counted_as_stopped_once_the_last_one_is(tmp_path: Path, opened: int) -> None:
    assert (holders_of(opened), stopped_holders(opened)) == ([], [])
    with ExitStack() as stack:
        pids = sorted(stack.enter_context(holding(tmp_path / "lock")) for _ in range(2))
        assert (holders_of(opened), stopped_holders(opened)) == (pids, [])
        stop(pids[0])
        assert stopped_holders(opened) == []
        stop(pids[1])
        assert stopped_holders(opened) == pids
        os.kill(pids[0], signal.SIGCONT)
        while is_stopped(pids[0]):
            time.sleep(0.001)
        assert stopped_holders(opened) == []


def test_who_waits_for_a_lock_does_not_hold_it(tmp_path: Path, opened: int, monkeypatch: pytest.MonkeyPatch) -> None:
    status = os.fstat(opened)
    name = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    locks = tmp_path / "locks"
    locks.write_text(
        f"1: FLOCK  ADVISORY  READ 17 {name} 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 18 {name} 0 EOF\n"
        f"2: POSIX  ADVISORY  WRITE 19 {name} 0 EOF\n3: FLOCK  ADVISORY  WRITE 20 {name}1 0 EOF\n"
    )
    monkeypatch.setattr(lock_holders, "_LOCKS", locks)
    assert holders_of(opened) == [17]
    locks.unlink()
    assert holders_of(opened) == []


def test_a_process_that_runs_or_has_ended_is_not_stopped() -> None:
    assert not is_stopped(os.getpid())
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()
    assert not is_stopped(process.pid)
