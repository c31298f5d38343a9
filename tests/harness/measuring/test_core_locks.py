"""Core locks: trials take turns on the cores, in order, and one that dies gives its cores back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness.measuring.core_locks import take_cores

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the system has no such locks")


def free(locks: list[int]) -> None:
    for lock in locks:
        os.close(lock)


class Taker:
    """A thread that takes cores and holds them until it is told to free them."""

    def __init__(self, folder: Path, count: int, *, cores: int) -> None:
        self.has, self._may_free = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(folder, count, cores), daemon=True)
        self._thread.start()

    def _run(self, folder: Path, count: int, cores: int) -> None:
        locks = take_cores(folder, count, cores=cores)
        self.has.set()
        self._may_free.wait(30)
        free(locks)

    def free(self) -> None:
        self._may_free.set()
        self._thread.join(30)


def test_as_many_as_there_are_are_taken_at_once(tmp_path: Path) -> None:
    first, second = take_cores(tmp_path, 1, cores=3), take_cores(tmp_path, 2, cores=3)
    assert (len(first), len(second)) == (1, 2)
    late = Taker(tmp_path, 1, cores=3)
    assert not late.has.wait(0.3)
    free(first)
    assert late.has.wait(10)
    free(second)
    late.free()


def test_one_that_wants_more_than_there_are_takes_all(tmp_path: Path) -> None:
    locks = take_cores(tmp_path, 64, cores=2)
    assert len(locks) == 2
    free(locks)


def test_one_with_many_threads_is_not_overtaken_by_those_that_ask_later(tmp_path: Path) -> None:
    first = take_cores(tmp_path, 1, cores=2)
    wide = Taker(tmp_path, 2, cores=2)
    time.sleep(0.3)  # it has the other core, and is first in the queue
    narrow = Taker(tmp_path, 1, cores=2)
    assert not narrow.has.wait(0.3)
    free(first)
    assert wide.has.wait(10)
    assert not narrow.has.wait(0.3)
    wide.free()
    assert narrow.has.wait(10)
    narrow.free()


@pytest.mark.parametrize("holds", [True, False], ids=["holds-a-core", "waits-for-one"])
def test_a_process_that_is_killed_keeps_nobody_waiting(tmp_path: Path, holds: bool) -> None:
    mine = [] if holds else take_cores(tmp_path, 1, cores=1)
    script = (
        "import time; from pathlib import Path; from harness.measuring.core_locks import take_cores\n"
        f"print('asks', flush=True); locks = take_cores(Path({str(tmp_path)!r}), 1, cores=1)\n"
        "print('has', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asks\n"
        if holds:
            assert process.stdout.readline() == "has\n"
        else:
            time.sleep(0.3)
        os.kill(process.pid, signal.SIGKILL)
    free(mine)
    late = Taker(tmp_path, 1, cores=1)
    assert late.has.wait(10)
    late.free()
