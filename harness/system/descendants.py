"""Descendants: all processes that a process has started, also those that left its process group, found and ended.

A process whose parent ends is given to the nearest ancestor that adopts orphans, and to the system if there is none.
Whoever adopts them can therefore find and end everything below it. Only Linux has this; elsewhere nothing is done, and
ending the process group has to suffice.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Collection
from pathlib import Path

PATIENCE_SECONDS = 5.0
"""How long processes may take to end after SIGKILL: one may wait for a disk that does not answer."""
_POLL_SECONDS = 0.005
_PR_SET_CHILD_SUBREAPER = 36
"""Option of prctl(2)."""


def adopt_orphans() -> None:
    """Make this process the parent of each process below it whose own parent ends. Forks do not inherit that."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children_of(pid: int) -> set[int]:
    """Return the children of a process that have not ended; empty if it has ended itself, or cannot be examined."""
    if sys.platform != "linux":
        return set()
    try:
        listed = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        listed = []
    if listed:
        found = {int(word) for text in listed for word in text.split()}
    else:  # a kernel without these files, or a process that has ended
        found = {child for child, parent in _parents().items() if parent == pid}
    return {child for child in found if is_alive(child)}


def descendants_of(pid: int) -> list[int]:
    """Return all processes below one, nearest first."""
    found: list[int] = []
    layer = [pid]
    while layer:
        layer = [child for parent in layer for child in sorted(children_of(parent)) if child not in found]
        found += layer
    return found


def end_descendants(pid: int, *, spare: Collection[int] = ()) -> bool:
    """Kill all processes below *pid*, except the children in *spare* and what is below these.

    If *pid* is this process, the status of each child is collected. Nothing else may wait for children meanwhile.

    Returns:
        Whether none is left.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        doomed = [child for child in children_of(pid) if child not in spare]
        for child in doomed:
            for each in (child, *descendants_of(child)):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(each, signal.SIGKILL)
        if pid == os.getpid():
            for child in doomed:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(child, os.WNOHANG)
        if not doomed:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)


def is_alive(pid: int) -> bool:
    """Return whether a process is running; a zombie, whose status nobody has collected yet, is not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    if sys.platform != "linux" or _state_and_parent(pid)[0] not in ("Z", "X"):
        return True
    try:
        # Its first thread may have ended before the others, which keep its files and locks.
        return len(list(Path(f"/proc/{pid}/task").iterdir())) > 1
    except OSError:
        return False


def _parents() -> dict[int, int]:
    return {int(path.name): _state_and_parent(int(path.name))[1] for path in Path("/proc").glob("[0-9]*")}


def _state_and_parent(pid: int) -> tuple[str, int]:
    try:
        # The name of the program, in parentheses, may contain anything.
        state, parent, *_ = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return "X", 0
    return state, int(parent)
