"""Peak memory: of torch's allocator on a GPU, of the process on a CPU."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


class PeakMemory:
    """Measures the peak since its creation.

    On an accelerator with an allocator of torch's own (CUDA, XPU): the most bytes that it had allocated. On a CPU: the
    growth of the process's resident set, on Linux only. Unknown on Metal.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._has_allocator = device.type not in ("cpu", "mps")
        self._start_kib: int | None = None
        if self.forget_peak() and not self._has_allocator:
            self._start_kib = _kib("VmRSS")

    def forget_peak(self) -> bool:
        """Reset the peak to what is held now; return whether the system supports it."""
        if self._has_allocator:
            # Unlike torch.cuda's, these functions may be called before the device is first used.
            torch.accelerator.reset_peak_memory_stats(self._device)
            return True
        if sys.platform != "linux":
            return False
        try:
            _CLEAR_REFS.write_text("5")  # resets VmHWM, see proc(5)
        except OSError:
            return False
        return True

    def forget_trials(self) -> None:
        """Forget the memory in which an accelerator's kernels were tried, after each shape has run once.

        cuDNN's search for the fastest convolution allocates workspaces that later steps do not need. On a CPU, nothing
        is tried.
        """
        if self._has_allocator:
            self.forget_peak()

    def mib(self) -> float | None:
        """Return the peak so far in MiB, or None if it is unknown."""
        if self._has_allocator:
            return torch.accelerator.max_memory_allocated(self._device) / 2**20
        if self._start_kib is None:
            return None
        return max(0, _kib("VmHWM") - self._start_kib) / 2**10


def _kib(field: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise OSError(f"{_STATUS} has no {field}")
