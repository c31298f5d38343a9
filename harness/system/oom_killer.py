"""The OOM killer: Linux kills a process when memory runs out, with a SIGKILL that looks like any other."""

from __future__ import annotations

import signal
from pathlib import Path

_VMSTAT = Path("/proc/vmstat")


def count_kills() -> int | None:
    """Return how many processes the OOM killer has killed since the system started, or None if unknown."""
    try:
        lines = _VMSTAT.read_text().splitlines()
    except OSError:
        return None
    counts = [int(line.split()[1]) for line in lines if line.startswith("oom_kill ")]
    return counts[0] if counts else None


def killed(status: int, kills_before: int | None) -> bool | None:
    """Return whether the OOM killer killed a process that has just exited.

    The count covers the whole machine: a SIGKILL from elsewhere is taken for the OOM killer's if the OOM killer
    killed another process in the meantime.

    Args:
        status: Exit status of the process; negative for a signal.
        kills_before: The result of :func:`count_kills` before the process started.

    Returns:
        None if unknown.
    """
    if not hasattr(signal, "SIGKILL") or status != -signal.SIGKILL:
        return False
    kills = count_kills()
    if kills is None or kills_before is None:
        return None
    return kills > kills_before
