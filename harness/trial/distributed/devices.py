"""The devices of a trial that uses several of them."""

from __future__ import annotations

import os

from zoo.errors import UsageError


def rank_devices(device: str, count: int) -> tuple[str, ...]:
    """Return a device for each of *count* ranks: GPUs starting at *device*, or the CPU for all ranks."""
    kind, _, index = device.partition(":")
    if kind != "cuda":
        return (device,) * count
    first = int(index or 0)
    return tuple(f"cuda:{first + rank}" for rank in range(count))


def check_together(device: str, count: int, *, num_gpus: int, compile: str) -> None:
    """Check that a trial can train on *count* devices with these settings.

    Args:
        device: The resolved ``--device``.
        num_gpus: Number of GPUs of this machine.
        compile: The requested compile mode.

    Raises:
        UsageError: If it cannot.
    """
    asked = f"--gpus-per-trial {count}"
    if count == 1:
        return
    if not hasattr(os, "fork"):
        raise UsageError(f"{asked}: needs a system that can fork processes, such as Linux or macOS")
    if device == "mps":
        raise UsageError(f"{asked}: Metal has one device only; use --device cpu to train in several processes")
    if not device.startswith(("cpu", "cuda")):
        raise UsageError(f"{asked}: one trial trains on several CUDA devices or in several processes, not on {device}")
    if compile in ("on", "graphs"):
        raise UsageError(
            f"{asked} and --compile {compile} cannot be combined: training on several devices is not compiled"
        )
    if device.startswith("cuda"):
        last = int(device.partition(":")[2] or 0) + count
        if last > num_gpus:
            has = f"{num_gpus} GPU" + ("" if num_gpus == 1 else "s")
            raise UsageError(f"{asked} from {device} on: this machine has {has} that torch can use")
