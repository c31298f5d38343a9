"""Hardware: a machine's processor and GPUs, named as in records and detected without torch."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

_GPUS = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """The processor and GPUs of a machine."""

    cpu: str
    gpus: tuple[str, ...] = ()
    """Names of the NVIDIA GPUs that the driver's files list."""
    threads: int | None = None
    """CPU threads that a process is set to use; None: torch chooses."""

    def runs(self, *, device: str, device_name: str) -> bool:
        """Return whether a trial with *device* (``auto``, ``cuda:1`` …) could run on the hardware with that name."""
        if device == "auto":
            return device_name in (self.gpus or (self.cpu, f"{self.cpu} (Metal)"))
        if device.startswith("cuda"):
            return device_name in self.gpus
        if device not in ("cpu", "mps"):
            return device_name not in (self.cpu, f"{self.cpu} (Metal)", *self.gpus)  # an accelerator of another make
        return device_name == (f"{self.cpu} (Metal)" if device == "mps" else self.cpu)


def this_hardware() -> Hardware:
    """Detect the hardware of this machine."""
    threads = os.environ.get("OMP_NUM_THREADS", "")
    return Hardware(cpu=cpu_name(), gpus=_gpu_names(), threads=int(threads) if threads.isdecimal() else None)


def cpu_name() -> str:
    """Return the name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux: fall back to the platform module below
    return platform.processor() or platform.machine()


def _gpu_names() -> tuple[str, ...]:
    names = []
    for path in sorted(_GPUS.glob("*/information")):
        try:
            lines = path.read_text(errors="replace").splitlines()
        except OSError:
            continue
        names += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return tuple(names)
