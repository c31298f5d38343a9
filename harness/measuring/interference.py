"""Interference: other load on the machine during a measurement, and throttled clocks."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.records.record import LOADED_CORES

if TYPE_CHECKING:
    import torch

_MOMENT_SECONDS = 0.2
"""Long enough for the kernel's ticks of 10 ms to tell how much of a core is used."""

_CLOCK_SECONDS = 0.2
"""Time between two looks at a GPU's clock."""

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
        self._start, self._stolen = _busy_seconds(), _stolen_seconds()
        self._own = _own_seconds()
        self._clock = time.monotonic()

    def cores(self) -> float | None:
        """Return CPU seconds per second that other processes took, or None."""
        busy, elapsed = _busy_seconds(), time.monotonic() - self._clock
        if self._start is None or busy is None or elapsed <= 0:
            return None
        # The kernel counts in ticks of 10 ms, so the difference may be slightly negative.
        return max(0.0, (busy - self._start - (_own_seconds() - self._own)) / elapsed)

    def stolen(self) -> float:
        """Return the part of it that other virtual machines of the host took; 0 where that is not known."""
        elapsed = time.monotonic() - self._clock
        return (_stolen_seconds() - self._stolen) / elapsed if elapsed > 0 else 0.0


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


class GpuClock:
    """Watches an NVIDIA GPU for a throttled clock while the body of a ``with`` statement keeps it busy.

    A thread asks NVML a few times a second, because a GPU that has just finished no longer says what slowed it down.
    Needs the package ``nvidia-ml-py``; without it, or on another device, nothing is watched.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._causes: dict[str, None] = {}
        self._clocks: tuple[int, int] | None = None
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> GpuClock:
        nvml = start_nvml() if self._device.type == "cuda" else None
        if nvml is not None:
            self._thread = threading.Thread(target=self._watch, args=(nvml,), name="gpu-clock", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def notes(self) -> tuple[str, ...]:
        """Return a sentence if the GPU was throttled, with the reasons and its lowest clock."""
        if self._clocks is None:
            return ()
        lowest, most = self._clocks
        return (f"the GPU ran at {lowest} of {most} MHz because of {' and '.join(self._causes)}",)

    def _watch(self, nvml: Any) -> None:
        try:
            handle = gpu_handle(nvml, self._device)
            while not self._done.wait(_CLOCK_SECONDS):
                self._look(nvml, handle)
        except nvml.NVMLError:
            pass  # a driver that does not tell, or part of a GPU
        finally:
            with contextlib.suppress(nvml.NVMLError):
                nvml.nvmlShutdown()

    def _look(self, nvml: Any, handle: Any) -> None:
        reasons = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
        causes = [
            cause for name, cause in _THROTTLED.items() if reasons & getattr(nvml, f"nvmlClocksThrottleReason{name}", 0)
        ]
        if causes:
            self._causes |= dict.fromkeys(causes)
            now = nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)
            most = nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM)
            self._clocks = (now if self._clocks is None else min(now, self._clocks[0]), most)


def start_nvml() -> Any | None:
    """Return NVML's module, initialised, or None if there is none; whoever asks calls ``nvmlShutdown``."""
    try:
        import pynvml  # type: ignore[import-not-found]
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


def gpu_handle(nvml: Any, device: torch.device) -> Any:
    """Return NVML's handle of a GPU; it raises ``nvml.NVMLError`` if it knows none.

    NVML numbers all GPUs of the machine, torch only those that CUDA_VISIBLE_DEVICES leaves.
    """
    return nvml.nvmlDeviceGetHandleByUUID(f"GPU-{_uuid(device)}")


def _uuid(device: torch.device) -> str:
    import torch

    return str(torch.cuda.get_device_properties(device).uuid)


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _busy_seconds() -> float | None:
    """Return CPU seconds since the start of the machine that were not idle, over all cores (proc(5))."""
    times = _times()
    return None if times is None else sum(times)


def _stolen_seconds() -> float:
    """Return CPU seconds since the start of the machine in which its host ran others; 0 if that is not known."""
    times = _times()
    return 0.0 if times is None else times[-1]


def _times() -> list[float] | None:
    """Return CPU seconds by what took them: user, nice, system, irq, softirq, steal; None outside Linux."""
    try:
        first, *_ = _STAT.read_text().splitlines()
        user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = map(int, first.split()[1:])
    except (OSError, ValueError):
        return None
    return [ticks / os.sysconf("SC_CLK_TCK") for ticks in (user, nice, system, irq, softirq, steal)]
