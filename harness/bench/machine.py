"""A machine that runs trials, as a probe of it found it."""

from __future__ import annotations

from typing import Any

from harness.records.spec import FrozenModel, Precision


class Machine(FrozenModel):
    """A machine that runs trials."""

    device: str
    """The device that ``--device`` stands for: ``cpu``, ``mps``, ``cuda:N`` or another accelerator."""
    precision: Precision
    num_gpus: int
    environment: dict[str, Any]
    """Versions, device and threads, as in a record."""
