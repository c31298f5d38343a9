"""How processes end: what an exit status says, and an end together with the parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from harness.system.process_exit import describe_status


@pytest.mark.parametrize(
    ("status", "out_of_memory", "words"),
    [
        (0, None, "exit status 0"),
        (3, None, "exit status 3"),
        (-signal.SIGSEGV, None, "SIGSEGV"),
        (-signal.SIGKILL, True, "SIGKILL (the system ran out of memory)"),
        (-signal.SIGKILL, False, "SIGKILL"),
        (-signal.SIGKILL, None, "SIGKILL (often: the system ran out of memory)"),
        (-200, None, "signal 200"),
    ],
)
def test_a_status_is_described_by_number_or_signal(status: int, out_of_memory: bool | None, words: str) -> None:
    assert describe_status(status, out_of_memory=out_of_memory) == words


PARENT = """
import multiprocessing, os, time
from harness.system.process_exit import die_with_parent

def child(connection):
    die_with_parent()
    connection.send(os.getpid())
    time.sleep(600)

if __name__ == "__main__":
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    multiprocessing.get_context("fork").Process(target=child, args=(theirs,)).start()
    print(ours.recv(), flush=True)
    os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_ends_when_its_parent_does() -> None:
    done = subprocess.run([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    assert ends(int(done.stdout), within_seconds=20)


def ends(pid: int, *, within_seconds: float) -> bool:
    end = time.monotonic() + within_seconds
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
