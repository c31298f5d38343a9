"""Own time: time without that in which others kept a thread from a core; known on Linux only."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator

_STAT = "/proc/thread-self/schedstat"
_of_thread = threading.local()


def taken_seconds() -> float | None:
    """Return for how many seconds so far the calling thread was ready to compute but had no core; None: not known.

    The kernel counts nanoseconds, the second number of ``schedstat`` (Documentation/scheduler/sched-stats.rst).
    """
    try:
        handle = os.open(_STAT, os.O_RDONLY)
    except OSError:
        return None
    try:
        return int(os.read(handle, 100).split()[1]) / 1e9
    finally:
        os.close(handle)


class Stopwatch:
    """Measures how long the calling thread takes for something.

    Args:
        in_own_time: Whether time that others took from the thread is left out, where that is known. The thread must do
            the work itself: what others take from its helpers is not left out.
    """

    def __init__(self, *, in_own_time: bool) -> None:
        self._in_own_time = in_own_time
        self.start()

    def start(self) -> None:
        """Start anew."""
        self._taken = taken_seconds() if self._in_own_time else None
        self._cpu = 0.0 if self._taken is None else time.thread_time()
        self._start = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds since the start."""
        wall = time.perf_counter() - self._start
        if self._taken is None:
            return wall
        cpu = time.thread_time() - self._cpu
        # What was taken between the clock and the kernel's number does not belong to it: no work takes less time than
        # it takes the processor.
        return min(wall, max(cpu, wall - ((taken_seconds() or self._taken) - self._taken)))


@contextlib.contextmanager
def helpers_counted() -> Iterator[None]:
    """Count in the body what others take from a helper for which the calling thread waits; see :class:`HelperWaits`."""
    before = getattr(_of_thread, "helped", None)
    _of_thread.helped = before or 0.0
    try:
        yield
    finally:
        _of_thread.helped = before


def own_clock() -> float:
    """Return a moment in seconds that leaves out what others took from the calling thread, and from its helpers if
    they are counted. Equal to ``time.monotonic()`` where that is not known.
    """
    return time.monotonic() - (taken_seconds() or 0.0) - (getattr(_of_thread, "helped", None) or 0.0)


class HelperWaits:
    """What others took from a helper thread while the calling thread waited for it.

    If the helper had had its core, the wait would have been shorter by what was taken from it, but not by more than the
    whole wait. Nothing is counted outside :func:`helpers_counted`.
    """

    def __init__(self) -> None:
        self.counts = getattr(_of_thread, "helped", None) is not None
        self._last = 0.0

    def taken_from_helper(self) -> float:
        """Return what was taken from the calling thread, which is the helper, since the last call."""
        if not self.counts:
            return 0.0
        before, self._last = self._last, taken_seconds() or 0.0
        return self._last - before

    @contextlib.contextmanager
    def waiting(self) -> Iterator[list[float]]:
        """Wait for the helper in the body, which puts what was taken from it into the list."""
        taken: list[float] = []
        watch = Stopwatch(in_own_time=self.counts)
        yield taken
        if self.counts:
            _of_thread.helped += min(sum(taken), watch.seconds())


class TakenShare:
    """The share of the time since it was created that others took from the calling thread, as far as known."""

    def __init__(self) -> None:
        self._taken, self._start = taken_seconds() or 0.0, time.perf_counter()

    def share(self) -> float:
        """Return the share, from 0 to 1."""
        wall = time.perf_counter() - self._start
        return min(1.0, max(0.0, (taken_seconds() or 0.0) - self._taken) / wall) if wall > 0 else 0.0
