"""Core locks: the trials of a bench take turns on the cores, as many at a time as have a core for each thread.

Each core is a lock file in a folder of the bench. A trial takes as many as it has threads before it trains, and holds
them until it ends. The locks are the system's own (flock(2)), so that a process that dies frees its cores. Trials get
theirs in the order in which they ask, so that those with few threads cannot overtake one with many for ever.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_POLL_SECONDS = 0.02


def take_cores(folder: Path, count: int, *, cores: int) -> list[int]:
    """Wait until *count* of the bench's *cores* are free, and take them.

    Where the system has no such locks, nobody waits.

    Args:
        folder: Where the lock files lie, the same for all trials of a bench.
        count: Number of threads; more than there are cores take all of them.

    Returns:
        Open files; closing them, or the end of the process, frees the cores.
    """
    if sys.platform == "win32":
        return []
    taken: list[int] = []
    queue = _open(folder / "queue")
    try:
        fcntl.flock(queue, fcntl.LOCK_EX)
        free = [folder / f"core-{number}" for number in range(cores)]
        while True:
            for path in list(free):
                if len(taken) < min(count, cores) and (lock := _try(path)) is not None:
                    taken.append(lock)
                    free.remove(path)
            if len(taken) == min(count, cores):
                return taken
            time.sleep(_POLL_SECONDS)
    except BaseException:
        for lock in taken:
            os.close(lock)
        raise
    finally:
        os.close(queue)


def _try(path: Path) -> int | None:
    lock = _open(path)
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return lock
    os.close(lock)
    return None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
