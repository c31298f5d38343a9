"""Global state that a plugin could change behind the engine's back, and a check that it did not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from harness.faults.errors import TrialError
from harness.records.record import FailureKind


def snapshot() -> dict[str, Any]:
    """Return the settings of torch that change results or speeds of whatever runs after."""
    return {
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "number of threads": torch.get_num_threads(),
        "gradient mode": torch.is_grad_enabled(),
        "deterministic mode": torch.are_deterministic_algorithms_enabled(),
        "anomaly mode": torch.is_anomaly_enabled(),
    }


@contextmanager
def unchanged(what: str) -> Iterator[None]:
    """Check that the body leaves global settings as they were; *what* is named if it does not.

    Raises:
        TrialError: Naming the settings that changed. A later trial has a process of its own and never sees them.
    """
    before = snapshot()
    yield
    after = snapshot()
    changed = [f"{name} from {before[name]} to {after[name]}" for name in before if after[name] != before[name]]
    if changed:
        raise TrialError(FailureKind.PLUGIN, f"{what} changed torch's {' and '.join(changed)}, which is not its own")
