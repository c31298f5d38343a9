"""Peak memory: of the device's allocator on a GPU, of the process on a CPU."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


class PeakMemory:
    """Measures the peak since it was made.

    On CUDA: the most bytes that torch's allocator had given out. On a CPU: how far the process's resident set grew,
    which Linux tells; elsewhere it is not measured.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._start_kib: int | None = None
        if self.forget_peak() and device.type != "cuda":
            self._start_kib = _kib("VmRSS")

    def forget_peak(self) -> bool:
        """Let the peak be that of what comes now; what is held already still counts. Tell whether that can be."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return True
        if sys.platform != "linux":
            return False
        try:
            _CLEAR_REFS.write_text("5")  # resets VmHWM, see proc(5)
        except OSError:
            return False
        return True

    def mib(self) -> float | None:
        """Return the peak so far in MiB, or None where it cannot be told."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 2**20
        if self._start_kib is None:
            return None
        return max(0, _kib("VmHWM") - self._start_kib) / 2**10


def _kib(field: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise OSError(f"{_STATUS} has no {field}")
