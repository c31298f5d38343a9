"""Standard streams: what happens where one of them is closed, full, or a pipe that nobody reads.

Standard output carries results, so a failed write ends the command with its own exit code. Standard error carries
messages, so the work goes on without them, unless its reader has gone away.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class OutputError(Exception):
    """A standard stream cannot be written. Not an ``OSError``, for which click would exit on its own."""

    def __init__(self, stream: str, error: OSError) -> None:
        super().__init__(f"{stream} cannot be written: {error.strerror or error}")
        self.is_broken_pipe = error.errno == errno.EPIPE


class _Raw(io.FileIO):
    """A standard stream whose first failed write raises an :class:`OutputError`, and whose later ones do nothing."""

    failure: OutputError | None = None

    def __init__(self, descriptor: int, name: str, *, is_closed: bool = False, tolerates: bool = False) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._name, self._is_closed, self._tolerates = name, is_closed, tolerates

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            if self.failure is None:
                if self._is_closed:
                    raise OSError(errno.EBADF, "it is closed")
                return super().write(data) or 0
        except OSError as error:
            if not self._tolerates or isinstance(error, BrokenPipeError):
                self.failure = OutputError(self._name, error)
                raise self.failure from error
        return memoryview(data).nbytes


def guard_streams() -> None:
    """Make the standard streams of this process safe to use, closed ones included."""
    closed = _occupy_closed()
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it lives as long as the process
    sys.stdout = _guarded(sys.stdout, 1, "standard output", is_closed=1 in closed)
    sys.stderr = _guarded(sys.stderr, 2, "standard error", tolerates=True)


def output_failure() -> OutputError | None:
    """Flush both streams, and return why standard output, or else standard error, could not be written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OutputError as error:
            return error
        raw = getattr(getattr(stream, "buffer", None), "raw", None)
        if isinstance(raw, _Raw) and raw.failure is not None:
            return raw.failure
    return None


def _occupy_closed() -> set[int]:
    """Open the null device for each closed standard stream, so that no file is opened in its place."""
    closed = set()
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            closed.add(descriptor)
            # The lowest free number is taken; this one is, since those below it are in use.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    return closed


def _guarded(stream: TextIO | None, descriptor: int, name: str, **raw: Any) -> TextIO:
    """Return a stream like the one given that is safe to write; one that is no file of the system is left alone."""
    if stream is not None:
        try:
            if stream.fileno() != descriptor:
                return stream
        except (AttributeError, OSError, ValueError):  # a stream in memory, as in tests and notebooks
            return stream
        stream.flush()
    is_terminal = os.isatty(descriptor)
    return io.TextIOWrapper(
        io.BufferedWriter(_Raw(descriptor, name, **raw)),
        encoding=getattr(stream, "encoding", None) or "utf-8",
        # A terminal that cannot show a character shows a question mark; it does not end a bench.
        errors="replace",
        line_buffering=is_terminal or descriptor == 2,
    )
