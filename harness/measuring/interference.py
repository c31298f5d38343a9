"""Interference: other load on the machine during a measurement, and throttled clocks."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

from harness.records.record import LOADED_CORES

_MOMENT_SECONDS = 0.2
"""Long enough for the kernel's ticks of 10 ms to tell how much of a core is used."""

_STAT = Path("/proc/stat")
_THROTTLED = {
    "SwPowerCap": "its power limit",
    "HwSlowdown": "a hardware slowdown",
    "SwThermalSlowdown": "its temperature",
    "HwThermalSlowdown": "its temperature",
    "HwPowerBrakeSlowdown": "its power supply",
}
"""NVML's reasons for a lower clock, other than idleness."""


class ForeignLoad:
    """CPU time that other processes used since it was created; known on Linux only."""

    def __init__(self) -> None:
        self._start = _busy_seconds()
        self._own = _own_seconds()
        self._clock = time.monotonic()

    def cores(self) -> float | None:
        """Return CPU seconds per second that other processes took, or None."""
        busy, elapsed = _busy_seconds(), time.monotonic() - self._clock
        if self._start is None or busy is None or elapsed <= 0:
            return None
        # The kernel counts in ticks of 10 ms, so the difference may be slightly negative.
        return max(0.0, (busy - self._start - (_own_seconds() - self._own)) / elapsed)


def is_quiet_within(seconds: float) -> bool:
    """Wait for a moment in which other processes leave the machine alone, and tell whether it came in time."""
    end = time.monotonic() + seconds
    while True:
        load = ForeignLoad()
        time.sleep(_MOMENT_SECONDS)
        cores = load.cores()
        if cores is None or cores <= LOADED_CORES:
            return True
        if time.monotonic() >= end:
            return False


def gpu_notes(index: int) -> tuple[str, ...]:
    """Return a sentence if NVIDIA GPU *index* is throttled, with the reasons; nothing if that is unknown.

    Needs the package ``nvidia-ml-py``. Call it while the GPU is still warm from the measurement.
    """
    try:
        import pynvml  # type: ignore[import-not-found]
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        return _clock_notes(pynvml, handle)
    except pynvml.NVMLError:
        return ()
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _clock_notes(pynvml: Any, handle: Any) -> tuple[str, ...]:
    reasons = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    causes = [
        cause for name, cause in _THROTTLED.items() if reasons & getattr(pynvml, f"nvmlClocksThrottleReason{name}", 0)
    ]
    if not causes:
        return ()
    now = pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM)
    most = pynvml.nvmlDeviceGetMaxClockInfo(handle, pynvml.NVML_CLOCK_SM)
    because = " and ".join(dict.fromkeys(causes))
    return (f"the GPU ran at {now} of {most} MHz because of {because}",)


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _busy_seconds() -> float | None:
    """Return CPU seconds since the start of the machine that were not idle, over all cores (proc(5))."""
    try:
        first, *_ = _STAT.read_text().splitlines()
        user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = map(int, first.split()[1:])
    except (OSError, ValueError):
        return None
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
