"""Sharing a device: several trials train on it at once, and a trial that measures speed has it to itself.

Each device has two lock files in the cache. A process that computes holds a shared lock on ``room``. A process that
measures speed locks ``wanted``, which the others check between two steps, and waits until they have paused and it has
``room`` to itself. These are locks of the operating system (flock(2)): they are released when a process dies, and they
work between all processes of one user on one machine.

A process that is stopped, as by Ctrl-Z, keeps its locks. Where the system tells who holds them, it is passed over: it
computes nothing, and whoever measures beside it says so in a note, because it may go on at any time.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.measuring.core_locks import take_cores
from harness.system.lock_holders import stopped_holders
from zoo.files.cache import cache_root

if sys.platform != "win32":
    import fcntl

FOLDER = "locks"
PATIENCE_SECONDS = 60.0
"""How long a process that wants to measure waits for the others to finish a step. A plugin that hangs never does, and
must not hold up the others for ever."""
STOPPED_SECONDS = 1.0
"""How long a process waits for others that are stopped, which may be for a moment only."""
_POLL_SECONDS = 0.005
_LONG_POLL_SECONDS = 0.05
"""The same after a second, so that many who wait do not disturb what is timed."""
_NOT_PAUSED = "another trial on the same device did not pause while this one was timed"


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
        self.disturbance = ""
        """How others may have disturbed a measurement, in a sentence; empty if they did not."""
        self._stopped_seconds = STOPPED_SECONDS

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Compute beside others, once nobody is measuring."""
        try:
            if self._files is not None:
                wanted, room = self._files
                if _try(wanted, fcntl.LOCK_SH) and _try(room, fcntl.LOCK_SH):
                    fcntl.flock(wanted, fcntl.LOCK_UN)
                else:
                    with self._waiting():
                        self._join(wanted, room)
            yield
        finally:
            self._stop_sharing()
            for lock in self._cores:
                os.close(lock)
            self._cores = []

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
                if self._take(wanted, fcntl.LOCK_EX):
                    self._take(room, fcntl.LOCK_EX, patience_seconds=self._patience_seconds)
                else:
                    self._stop_sharing()
        self.waited += time.monotonic() - start
        try:
            yield
        finally:
            if self._files is not None:
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
        if self._take(wanted, fcntl.LOCK_SH) and self._take(room, fcntl.LOCK_SH):
            fcntl.flock(wanted, fcntl.LOCK_UN)
        else:
            self._stop_sharing()
        waited = time.monotonic() - start
        self.waited += waited
        return waited

    def _take(self, lock: int, how: int, *, patience_seconds: float = math.inf) -> bool:
        """Wait for a lock, and return whether it was taken: not if all who hold it are stopped, or patience ends.

        The next wait for the same reason is short.
        """
        start, next_look = time.monotonic(), self._stopped_seconds
        while not _try(lock, how):
            waited = time.monotonic() - start
            if waited >= next_look:
                if stopped := stopped_holders(lock):
                    self._stopped_seconds, self.disturbance = 0.0, _stopped_sentence(stopped)
                    return False
                next_look = waited + STOPPED_SECONDS
            if waited > patience_seconds:
                self._patience_seconds, self.disturbance = 0.0, _NOT_PAUSED
                return False
            time.sleep(_POLL_SECONDS if waited < 1 else _LONG_POLL_SECONDS)
        return True

    def _stop_sharing(self) -> None:
        """Compute without the locks from now on."""
        for lock in self._files or ():
            os.close(lock)
        self._files = None


def device_name(device: str) -> str:
    """Return a name for the device that is the same in all processes of this machine, whichever devices each sees."""
    if device.startswith("cuda"):
        import torch

        return f"cuda-{torch.cuda.get_device_properties(device).uuid}"
    return device


def _stopped_sentence(pids: Sequence[int]) -> str:
    processes = "process" if len(pids) == 1 else "processes"
    return (
        f"timed without waiting for another trial on the same device, which was stopped ({processes} "
        f"{', '.join(map(str, pids))}) and may have gone on meanwhile"
    )


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
