"""Sharing a device: several trials train on it at once, and a trial that measures speed has it to itself.

Each device has two lock files in the cache. A process that computes holds a shared lock on ``room``. A process that
measures speed locks ``wanted``, which the others check between two steps, and waits until they have paused and it has
``room`` to itself. These are locks of the operating system (flock(2)): they are released when a process dies, and they
work between all processes of one user on one machine.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.measuring.core_locks import take_cores
from zoo.files.cache import cache_root

if sys.platform != "win32":
    import fcntl

FOLDER = "locks"
PATIENCE_SECONDS = 60.0
"""How long a process that wants to measure waits for the others to finish a step. A plugin that hangs never does, and
must not hold up the others for ever."""
_POLL_SECONDS = 0.005


class DeviceSharing:
    """One process's part in a device.

    Args:
        name: Name of the device on this machine; see :func:`device_name`.
        synchronize: Waits until the device has finished the work of this process.
        tell: Called with True when this process begins to wait for others, and with False when that is over.
        patience_seconds: How long to wait for the others before measuring beside them.
        folder: Folder of the locks; None: a folder in the cache. If locks do not work there, nobody waits.
    """

    def __init__(
        self,
        name: str,
        *,
        synchronize: Callable[[], None] = lambda: None,
        tell: Callable[[bool], None] = lambda waits: None,
        folder: Path | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._synchronize, self._tell, self._patience_seconds = synchronize, tell, patience_seconds
        self._files = _open_locks(name, folder)
        self._cores: list[int] = []
        self.waited = 0.0
        """Seconds spent waiting for others so far."""
        self.was_disturbed = False
        """Whether a measurement was made while others went on."""

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Compute beside others, once nobody is measuring."""
        try:
            if self._files is not None:
                self._join(*self._files)
            yield
        finally:
            for lock in (*self._cores, *(self._files or ())):
                os.close(lock)
            self._files, self._cores = None, []

    def give_way(self) -> float:
        """Pause if another process wants to measure, and return for how many seconds. Call it between two steps."""
        if self._files is None:
            return 0.0
        wanted, room = self._files
        if not _try(wanted, fcntl.LOCK_SH):
            self._synchronize()
            fcntl.flock(room, fcntl.LOCK_UN)
            with self._waiting():
                return self._join(wanted, room)
        fcntl.flock(wanted, fcntl.LOCK_UN)
        return 0.0

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have the device to this trial alone in the body; the caller has joined."""
        if self._files is None:
            yield
            return
        wanted, room = self._files
        start = time.monotonic()
        self._synchronize()
        fcntl.flock(room, fcntl.LOCK_UN)
        if not (_try(wanted, fcntl.LOCK_EX) and _try(room, fcntl.LOCK_EX)):
            with self._waiting():
                fcntl.flock(wanted, fcntl.LOCK_EX)
                while not _try(room, fcntl.LOCK_EX):
                    if time.monotonic() - start > self._patience_seconds:
                        self.was_disturbed, self._patience_seconds = True, 0.0
                        break
                    time.sleep(_POLL_SECONDS)
        self.waited += time.monotonic() - start
        try:
            yield
        finally:
            fcntl.flock(room, fcntl.LOCK_SH)  # nobody can come in between: that takes what is still wanted here
            fcntl.flock(wanted, fcntl.LOCK_UN)

    @contextmanager
    def left(self) -> Iterator[None]:
        """Leave the device in the body, in which this process does not compute on it; the caller has joined."""
        if self._files is None:
            yield
            return
        wanted, room = self._files
        fcntl.flock(room, fcntl.LOCK_UN)
        try:
            yield
        finally:
            with self._waiting():
                self._join(wanted, room)

    def take_cores(self, folder: Path, count: int, *, cores: int) -> None:
        """Take cores for this process's threads until it leaves the device; the caller has joined.

        Arguments as for :func:`harness.measuring.core_locks.take_cores`.
        """
        if self._files is not None:
            fcntl.flock(self._files[1], fcntl.LOCK_UN)  # while this one waits, others may time themselves
        with self._waiting():
            self._cores += take_cores(folder, count, cores=cores)
            if self._files is not None:
                self._join(*self._files)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        self._tell(True)
        try:
            yield
        finally:
            self._tell(False)

    def _join(self, wanted: int, room: int) -> float:
        start = time.monotonic()
        fcntl.flock(wanted, fcntl.LOCK_SH)
        fcntl.flock(room, fcntl.LOCK_SH)
        fcntl.flock(wanted, fcntl.LOCK_UN)
        waited = time.monotonic() - start
        self.waited += waited
        return waited


def device_name(device: str) -> str:
    """Return a name for the device that is the same in all processes of this machine, whichever devices each sees."""
    if device.startswith("cuda"):
        import torch

        return f"cuda-{torch.cuda.get_device_properties(device).uuid}"
    return device


def _try(file: int, how: int) -> bool:
    """Take a lock if it is free."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_locks(name: str, folder: Path | None) -> tuple[int, int] | None:
    if sys.platform == "win32":  # it has no such locks: nobody gives way there
        return None
    with contextlib.suppress(OSError, RuntimeError):  # a read-only cache, or none
        folder = folder or cache_root() / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        # A cache may lie on a disk that machines share, and each has devices of its own.
        stem = re.sub(r"[^A-Za-z0-9.-]", "_", f"{socket.gethostname()}-{name}")
        return _open(folder / f"{stem}.wanted"), _open(folder / f"{stem}.room")
    return None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
