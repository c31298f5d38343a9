"""Best epoch: the epoch whose weights are kept, and early stopping, by a validation metric."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(kw_only=True, slots=True)
class BestEpoch:
    """Tracks the best value so far. Values that are not finite never count, and an equal value is not better."""

    higher_is_better: bool
    epoch: int = 0
    """The best epoch, from 1; 0 before there is one."""
    value: float | None = None
    stale_epochs: int = 0
    """Epochs since the best one."""

    def observe(self, epoch: int, value: float) -> bool:
        """Record an epoch's value and return whether it is the best so far."""
        is_better = math.isfinite(value) and (
            self.value is None or (value > self.value if self.higher_is_better else value < self.value)
        )
        if is_better:
            self.epoch, self.value, self.stale_epochs = epoch, value, 0
        else:
            self.stale_epochs += 1
        return is_better
