"""Faults at every use of a file: a process is killed, or meets an error of the disk, at the Nth of all that it makes.

Places are opening, reading, writing, syncing, renaming, making and removing. A write is struck with half of it done.
The
work runs in a fork for each place, so that a kill costs nothing else.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from zoo.errors import ZooError

How = Literal["kill", "eio", "enospc"]
_DONE, _REFUSED, _BROKEN = 0, 3, 4
_STRUCK = 10
"""Added to the exit status of a process that was struck."""
_FUNCTIONS = ("open", "replace", "rename", "unlink", "rmdir", "mkdir", "fsync")
"""Functions of :mod:`os` that are places."""


class Faults:
    """Counts places, and strikes at one of them."""

    def __init__(self, at: int, how: How) -> None:
        self.at, self.how, self.passed = at, how, 0

    @property
    def has_struck(self) -> bool:
        return self.passed >= self.at

    def strikes(self) -> bool:
        """Count a place, and return whether it is the one."""
        self.passed += 1
        return self.passed == self.at

    def strike(self) -> NoReturn:
        """Do what is to happen there."""
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        number = {"eio": errno.EIO, "enospc": errno.ENOSPC}[self.how]
        raise OSError(number, os.strerror(number))

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return *call* with a place before it."""

        def counted(*args: Any, **options: Any) -> Any:
            if self.strikes():
                self.strike()
            return call(*args, **options)

        return counted

    def install(self) -> None:
        """Put places into all uses of files in this process."""
        for name in _FUNCTIONS:
            setattr(os, name, self.around(getattr(os, name)))
        whole_open, whole_fdopen = io.open, os.fdopen

        def open_file(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
            if self.strikes():
                self.strike()
            if mode in ("wb", "xb", "rb"):
                raw = io.FileIO(file, mode)
                return _Reader(raw, self) if mode == "rb" else _Writer(raw, self)
            return whole_open(file, mode, *args, **options)

        def open_handle(handle: int, mode: str = "r", *args: Any, **options: Any) -> Any:
            if mode in ("wb", "rb"):
                raw = io.FileIO(handle, mode)
                return _Reader(raw, self) if mode == "rb" else _Writer(raw, self)
            return whole_fdopen(handle, mode, *args, **options)

        io.open = builtins.open = open_file  # type: ignore[assignment]
        os.fdopen = open_handle


class _Writer(io.BufferedWriter):
    def __init__(self, raw: io.FileIO, faults: Faults) -> None:
        super().__init__(raw)
        self._faults = faults

    def write(self, content: Any) -> int:
        if self._faults.strikes():
            super().write(memoryview(content).cast("B")[: memoryview(content).nbytes // 2])
            self.flush()
            self._faults.strike()
        return super().write(content)


class _Reader(io.BufferedReader):
    def __init__(self, raw: io.FileIO, faults: Faults) -> None:
        super().__init__(raw)
        self._faults = faults

    def read(self, size: int | None = -1, /) -> bytes:
        if self._faults.strikes():
            self._faults.strike()
        return super().read(size)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a struck process ended."""

    was_struck: bool
    how: Literal["done", "refused", "killed"]
    """``refused``: with an error of zoo's own, which is one sentence."""


def run_struck(work: Callable[[], object], at: int, how: How) -> Ended:
    """Run *work* in a fork that is struck at its place number *at*.

    Raises:
        AssertionError: If it ends with anything but an error of zoo's own.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = _BROKEN
        faults = Faults(at, how)
        leave, write = os._exit, os.write
        try:
            faults.install()
            work()
            code = _DONE
        except ZooError:
            code = _REFUSED
        except BaseException:
            write(2, traceback.format_exc().encode())
        leave(code + (_STRUCK if faults.has_struck else 0))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        return Ended(was_struck=True, how="killed")
    was_struck = code >= _STRUCK
    outcome = code - _STRUCK * was_struck
    assert outcome in (_DONE, _REFUSED), f"struck at place {at} ({how}), it ended with {outcome}"
    return Ended(was_struck=was_struck, how="done" if outcome == _DONE else "refused")
