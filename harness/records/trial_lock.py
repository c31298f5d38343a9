"""The lock of a trial: one process at a time runs it or writes into its folder.

It is a lock of the operating system, which frees it when the holder dies.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = ".lock"
"""Held while a trial runs and while its record is written."""


@contextmanager
def trial_lock(folder: Path) -> Iterator[bool]:
    """Hold the lock of the trial in *folder* in the body, without waiting for it.

    Yields:
        Whether this process holds it; False if another process does.
    """
    from filelock import FileLock, Timeout  # slow to import, and not needed for reading

    lock = FileLock(folder / LOCK_FILE)
    with contextlib.suppress(Timeout):
        lock.acquire(timeout=0)
    try:
        yield lock.is_locked
    finally:
        lock.release()
