"""Energy: the joules that a device uses while a network trains, by the device's own counter.

NVIDIA GPUs from Volta on count since their driver was loaded (NVML, ``nvmlDeviceGetTotalEnergyConsumption``). Intel's
and AMD's processors count for each package (RAPL), which Linux shows under ``/sys/class/powercap``
(Documentation/power/powercap/powercap.rst), since CVE-2020-8694 mostly to the administrator alone. A counter is of all
that its device does and of nothing else: not of memory modules, fans and power supplies. Where none can be read, there
is no figure but a reason.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from harness.measuring.interference import gpu_handle, start_nvml

if TYPE_CHECKING:
    import torch

_POWERCAP = Path("/sys/class/powercap")

_LOOK_SECONDS = 60.0
"""Time between two looks at counters of packages, which start anew at about 260 kJ: 43 minutes at 100 W."""


class _Counter(Protocol):
    name: str

    def joules(self) -> float: ...

    def close(self) -> None: ...


class EnergyMeter:
    """The energy counter of a device, which is open in the body of a ``with`` statement.

    Args:
        device: Device that trains.
        num_trials: How many trials may use it at once: a counter does not tell them apart.
        num_devices: How many devices train together.
        num_seeds: How many seeds train together in one batched network.
    """

    def __init__(self, device: torch.device, *, num_trials: int = 1, num_devices: int = 1, num_seeds: int = 1) -> None:
        self._device = device
        self._counter: _Counter | None = None
        self.problem = ""
        """Why there is no figure; empty if there is one."""
        if num_trials > 1:
            self.problem = f"{num_trials} trials shared the device, whose counter does not tell them apart"
        elif num_devices > 1:
            self.problem = f"the energy of {num_devices} devices that train together is not measured"
        elif num_seeds > 1:
            self.problem = f"{num_seeds} seeds trained together, and the counter does not tell them apart"

    def __enter__(self) -> EnergyMeter:
        if not self.problem:
            found = _find(self._device)
            if isinstance(found, str):
                self.problem = found
            else:
                self._counter = found
        return self

    def __exit__(self, *error: object) -> None:
        if self._counter is not None:
            self._counter.close()
            self._counter = None

    def joules(self) -> float | None:
        """Return the joules since an arbitrary moment, of which differences count; None if there is no figure."""
        if self._counter is None:
            return None
        try:
            return self._counter.joules()
        except Exception as error:  # NVML's errors are of its own module, which may be absent
            self.problem = f"the {self._counter.name} counter could not be read any more: {error}"
            self._counter.close()
            self._counter = None
            return None

    @property
    def name(self) -> str:
        """Name of the counter: ``NVML`` or ``RAPL``; empty if there is none."""
        return self._counter.name if self._counter is not None else ""


def _find(device: torch.device) -> _Counter | str:
    """Return the counter of a device, or a sentence on why there is none."""
    if device.type == "cuda":
        return _find_gpu(device)
    return _find_packages() if device.type == "cpu" else f"a device of the type {device.type} has no energy counter"


class _Gpu:
    name = "NVML"

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml, self._handle = nvml, handle

    def joules(self) -> float:
        millijoules: int = self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)
        return millijoules / 1000

    def close(self) -> None:
        with contextlib.suppress(self._nvml.NVMLError):
            self._nvml.nvmlShutdown()


def _find_gpu(device: torch.device) -> _Counter | str:
    nvml = start_nvml()
    if nvml is None:
        return "the GPU's energy counter needs the package nvidia-ml-py and NVIDIA's driver"
    try:
        found = _Gpu(nvml, gpu_handle(nvml, device))
        found.joules()
    except nvml.NVMLError as error:  # older than Volta, or part of a GPU
        with contextlib.suppress(nvml.NVMLError):
            nvml.nvmlShutdown()
        return f"the GPU has no energy counter that NVML can read: {error}"
    return found


class _Packages:
    name = "RAPL"

    def __init__(self, folders: Sequence[Path]) -> None:
        self._counts = [folder / "energy_uj" for folder in folders]
        self._ranges = [int((folder / "max_energy_range_uj").read_text()) for folder in folders]
        self._last = [int(count.read_text()) for count in self._counts]
        self._microjoules = 0
        self._lock, self._done = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="energy", daemon=True)
        self._thread.start()

    def joules(self) -> float:
        with self._lock:
            for place, count in enumerate(self._counts):
                now = int(count.read_text())
                step = now - self._last[place]
                self._microjoules += step if step >= 0 else step + self._ranges[place]  # it has started anew
                self._last[place] = now
            return self._microjoules / 1e6

    def close(self) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        """Look often enough for no start of a counter to be missed."""
        while not self._done.wait(_LOOK_SECONDS):
            with contextlib.suppress(OSError, ValueError):  # whoever asks next learns of it
                self.joules()


def _find_packages() -> _Counter | str:
    # Not the parts of a package, which have two numbers, nor the second view of it, intel-rapl-mmio.
    folders = sorted(folder for folder in _POWERCAP.glob("intel-rapl:*") if folder.name.count(":") == 1)
    try:
        packages = [folder for folder in folders if (folder / "name").read_text().startswith("package")]
        if not packages:
            return f"the processor's energy counter (RAPL) is not shown under {_POWERCAP}"
        return _Packages(packages)
    except PermissionError:
        return (
            f"the processor's energy counter (RAPL) can be read by the administrator only; sudo chmod a+r "
            f"{_POWERCAP}/intel-rapl:*/energy_uj allows everybody to, until the next start"
        )
    except (OSError, ValueError) as error:
        return f"the processor's energy counter (RAPL) cannot be read: {error}"
