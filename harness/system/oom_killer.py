"""The OOM killer: Linux ends a process when memory runs out. The victim sees SIGKILL, as from anyone else."""

from __future__ import annotations

import signal
from pathlib import Path

_VMSTAT = Path("/proc/vmstat")


def count_kills() -> int | None:
    """Return how many processes it has killed since the system started, or None where that cannot be told."""
    try:
        lines = _VMSTAT.read_text().splitlines()
    except OSError:
        return None
    counts = [int(line.split()[1]) for line in lines if line.startswith("oom_kill ")]
    return counts[0] if counts else None


def was_it(status: int, kills_before: int | None) -> bool | None:
    """Tell whether it ended a process that has just ended with exit status *status* (negative: the signal).

    The count is the whole machine's: a SIGKILL from elsewhere counts as the OOM killer's if that struck another
    process meanwhile.

    Args:
        status: Of the process.
        kills_before: What :func:`count_kills` said before the process started.

    Returns:
        None where it cannot be told.
    """
    if not hasattr(signal, "SIGKILL") or status != -signal.SIGKILL:
        return False
    kills = count_kills()
    if kills is None or kills_before is None:
        return None
    return kills > kills_before
