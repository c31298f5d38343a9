"""The environment of a trial: versions, device and threads, as recorded."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any, Literal

from harness.system.cores import usable_threads
from harness.system.hardware import cpu_name
from zoo._version import __version__
from zoo.errors import UsageError


def resolve_device(name: str) -> str:
    """Return the device for *name*: ``cpu``, ``cuda:N``, ``mps``, or ``xpu:N`` and the like for other accelerators.

    Raises:
        UsageError: If there is no such device.
    """
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return "cuda:0"
        if torch.backends.mps.is_available():
            return "mps"
        kind = _accelerator()
        return f"{kind}:0" if kind else "cpu"
    kind, _, index = name.partition(":")
    if kind == "cpu":
        return "cpu"
    if kind == "mps":
        if not torch.backends.mps.is_available():
            raise UsageError("--device mps: this machine has no Metal device that torch can use")
        return "mps"
    if kind in ("rocm", "hip"):
        raise UsageError(f"--device {name}: torch calls AMD's GPUs cuda; use --device cuda, or cuda:N for GPU N")
    if kind == "cuda":
        count = count_gpus()
        has = f"{count} CUDA device{'' if count == 1 else 's'}" if count else "no CUDA device that torch can use"
    else:
        count = torch.accelerator.device_count() if _accelerator() == kind else 0
        has = f"{count} of them" if count else f"{_accelerator() or 'no accelerator'} that torch can use, and the CPU"
        if not _is_device_type(kind):
            raise UsageError(f"--device {name}: torch knows no such device; use auto, cpu, cuda, cuda:N, mps or xpu")
    if int(index or 0) >= count:
        raise UsageError(f"--device {name}: this machine has {has}")
    return f"{kind}:{int(index or 0)}"


def _accelerator() -> str:
    """Return the type of accelerator that torch uses here; an empty string if there is none."""
    import torch

    found = torch.accelerator.current_accelerator(check_available=True)
    return "" if found is None else found.type


def _is_device_type(kind: str) -> bool:
    import torch

    try:
        torch.device(kind)
    except RuntimeError:
        return False
    return True


def count_gpus() -> int:
    """Return the number of CUDA devices that torch can use."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def resolve_precision(name: str, device: str) -> Literal["fp32", "bf16", "fp16"]:
    """Return the precision that *name* stands for on *device*; auto is bf16 on a GPU that has it, else fp32.

    Raises:
        UsageError: If the device cannot train in it.
    """
    import torch

    is_cuda = device.startswith("cuda")
    if name == "auto":
        if not is_cuda:
            return "fp32"
        with torch.cuda.device(device):  # otherwise torch answers for the first GPU
            return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if name == "fp16" and not is_cuda:
        raise UsageError(f"--precision fp16 needs a CUDA device, but this is {device}; bf16 works on both")
    return name  # type: ignore[return-value]


def check_compile(compile: str, device: str) -> None:
    """Check that *device* supports the compile mode.

    Raises:
        UsageError: If it is ``graphs`` and the device is not a CUDA device.
    """
    if compile == "graphs" and not device.startswith("cuda"):
        raise UsageError(f"--compile graphs needs a CUDA device, but this is {device}; use --compile on instead")


def describe(device: str, threads: int | None = None) -> dict[str, Any]:
    """Return versions, device and threads as plain JSON values."""
    import torch

    described: dict[str, Any] = {
        "zoobench": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "torch": torch.__version__,
        **{name: installed_version(name) for name in ("torchvision", "timm", "numpy", "pillow")},
        "cpu": cpu_name(),
        "cpu_cores": os.cpu_count(),
        "threads": threads or available_threads(),
        "device": device,
        "device_name": cpu_name(),
        "driver": "",
    }
    if device.startswith("cuda"):
        described["device_name"] = torch.cuda.get_device_name(device)
        described["device_memory_mib"] = torch.cuda.get_device_properties(device).total_memory // 2**20
        described["cuda"] = torch.version.cuda
        described["driver"] = _nvidia_driver()
    elif device == "mps":
        described["device_name"] = f"{cpu_name()} (Metal)"
    elif device != "cpu":
        module = torch.get_device_module(device)
        described["device_name"] = module.get_device_name(device)
        described["device_memory_mib"] = module.get_device_properties(device).total_memory // 2**20
    return described


def available_threads() -> int:
    """Return how many threads this process may use: as many as torch would, and at most the usable cores.

    Torch knows ``OMP_NUM_THREADS`` and the affinity, but not the limits of control groups. Call it before
    ``torch.set_num_threads``.
    """
    import torch

    return min(torch.get_num_threads(), usable_threads())


def installed_version(distribution: str) -> str:
    """Return the version of *distribution* that is installed; an empty string if none is."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _nvidia_driver() -> str:
    try:
        text = Path("/proc/driver/nvidia/version").read_text()
    except OSError:
        return ""
    words = text.partition("Kernel Module")[2].split()
    return words[0] if words else ""
