"""A load made on purpose: processes that compute without a pause, for as long as a block of code runs.

Each ends by itself when the process that started it is gone, and after half an hour at the latest.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator

LONGEST_SECONDS = 1800
_SPIN = f"""
import os, time
parent, end = os.getppid(), time.monotonic() + {LONGEST_SECONDS}
while time.monotonic() < end and os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


@contextlib.contextmanager
def load(processes: int) -> Iterator[None]:
    """Keep *processes* cores busy."""
    busy = [subprocess.Popen([sys.executable, "-S", "-c", _SPIN]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def end_on_request() -> None:
    """Leave by an exception when asked to end, as ``timeout`` does, so that what was started is ended too."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
