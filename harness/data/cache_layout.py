"""The layout of prepared data in the cache, and marks that protect data in use from removal. Does not import torch.

Beside ``NAME-KEY/``, or ``NAME-KEY-streamed/`` if images are not kept decoded, there is ``NAME-KEY.lock``, held by the
process that prepares or removes the data. Each process that uses the data holds a lock on its own ``NAME-KEY.use-*``,
which the system releases when the process ends in any way.
"""

from __future__ import annotations

import contextlib
import glob
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from zoo.errors import DataError

FACTS_FILE = "data.json"
STREAMED_SUFFIX = "-streamed"
_HOLD_SECONDS = 5.0


def streamed_folder(folder: Path) -> Path:
    """Return the folder of the same data without decoded images."""
    return folder.with_name(folder.name + STREAMED_SUFFIX)


def lock_of(folder: Path) -> Path:
    """Return the lock of a folder of prepared data."""
    return folder.with_name(f"{folder.name.removesuffix(STREAMED_SUFFIX)}.lock")


def mark_used(folder: Path) -> None:
    """Record the current time as the last use of prepared data, if the cache can be written."""
    with contextlib.suppress(OSError):
        os.utime(folder / FACTS_FILE)


@contextmanager
def using(folders: Iterable[Path]) -> Iterator[None]:
    """Protect prepared data from removal during the body.

    If the cache cannot be written, nothing can be removed from it, and no mark is needed.

    Raises:
        DataError: If some of the data have already been removed.
    """
    with contextlib.ExitStack() as held:
        for folder in sorted(set(folders)):
            with contextlib.suppress(OSError):
                _hold(folder, held)
            if not (folder / FACTS_FILE).exists():
                raise DataError(f"{folder} has been removed from the cache; the same command prepares it again")
        yield


def _hold(folder: Path, held: contextlib.ExitStack) -> None:
    lock = FileLock(lock_of(folder), timeout=_HOLD_SECONDS)
    with contextlib.ExitStack() as locked:
        # Hold the lock, because the data might be removed between check and mark. A process that holds the lock for
        # long is preparing the same data in another way, and removes nothing.
        with contextlib.suppress(Timeout):
            locked.enter_context(lock)
        mark = folder.with_name(f"{lock_of(folder).stem}.use-{uuid.uuid4().hex}")
        held.callback(mark.unlink, missing_ok=True)
        held.enter_context(FileLock(mark))


def is_used(folder: Path) -> bool:
    """Return whether a process is using prepared data, and remove the marks of dead processes.

    The caller must hold the lock of the data.
    """
    used = False
    for mark in folder.parent.glob(f"{glob.escape(lock_of(folder).stem)}.use-*"):
        try:
            with FileLock(mark, timeout=0):
                mark.unlink(missing_ok=True)
        except Timeout:
            used = True
    return used
