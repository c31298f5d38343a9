"""Lock holders: the processes that hold a file's lock (flock(2)), and whether all of them are stopped.

A process that is stopped, as by Ctrl-Z, keeps its locks. Only Linux tells who holds them (proc_locks(5)).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_LOCKS = Path("/proc/locks")


def stopped_holders(file: int) -> list[int]:
    """Return the processes that hold the lock of an open file if all of them are stopped; empty if one of them runs.

    Empty as well if nobody holds it, or the system does not tell.
    """
    holders = holders_of(file)
    return holders if all(map(is_stopped, holders)) else []


def holders_of(file: int) -> list[int]:
    """Return the processes that hold the lock of an open file, as far as the system tells."""
    if sys.platform != "linux":
        return []
    status = os.fstat(file)
    name = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    found = set()
    try:
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        # "1: FLOCK  ADVISORY  WRITE 8536 fe:00:5046655 0 EOF"; "->" comes before FLOCK for one that waits
        parts = line.split()
        if len(parts) == 8 and parts[1] == "FLOCK" and parts[5] == name:
            found.add(int(parts[4]))
    return sorted(found)


def is_stopped(pid: int) -> bool:
    """Return whether a process is stopped by a signal (state T in proc_pid_stat(5))."""
    try:
        # The name of the program, in parentheses, may contain anything.
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[:1] == ["T"]
