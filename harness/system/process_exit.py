"""Process exit: exit statuses in words, the last line of output, and processes that end with their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

from zoo.files.plain_files import LOG, read_bytes


def describe_status(status: int, *, out_of_memory: bool | None = None) -> str:
    """Describe an exit status; *out_of_memory* says whether the OOM killer was the cause, None if unknown."""
    if status >= 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    hint = {True: " (the system ran out of memory)", False: "", None: " (often: the system ran out of memory)"}
    return name + (hint[out_of_memory] if name == "SIGKILL" else "")


def last_line(log: Path) -> str:
    """Return the last line in *log*, shortened."""
    try:
        lines = read_bytes(log, LOG, follow=False).decode(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1][:300] if lines else "it printed nothing"


def die_with_parent() -> None:
    """Make this process end when its parent ends."""
    if sys.platform == "linux":
        import ctypes

        # The kernel ends this process when the fork server ends, which ends with the bench (prctl(2)).
        pr_set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def wait_for_parent() -> NoReturn:
            parent.join()
            os._exit(1)

        threading.Thread(target=wait_for_parent, daemon=True).start()
