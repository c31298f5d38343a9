"""Global state: torch's settings, and a check that a plugin has not changed them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from harness.faults.errors import TrialError
from harness.records.record import FailureKind


def snapshot() -> dict[str, Any]:
    """Return torch's settings that affect the results or speed of later code."""
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
    """Check that the body does not change global settings.

    Args:
        what: The code that runs, as the subject of the error sentence.

    Raises:
        TrialError: If settings changed, with their names. Later trials are unaffected because each has its own process.
    """
    before = snapshot()
    yield
    after = snapshot()
    changed = [f"{name} from {before[name]} to {after[name]}" for name in before if after[name] != before[name]]
    if changed:
        raise TrialError(
            FailureKind.PLUGIN,
            f"{what} changed torch's {' and '.join(changed)}; plugins must not change global settings",
        )
