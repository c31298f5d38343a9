"""Best epoch: which epoch's weights are kept, and when to stop, by a number from the validation split."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(kw_only=True, slots=True)
class BestEpoch:
    """Remembers the best value so far. A value that is not finite is never the best; an equal one is not better."""

    higher_is_better: bool
    epoch: int = 0
    """The best epoch, from 1; 0 before there is one."""
    value: float | None = None
    stale_epochs: int = 0
    """Epochs since the best one."""

    def observe(self, epoch: int, value: float) -> bool:
        """Take in an epoch's value and tell whether it is the best so far."""
        is_better = math.isfinite(value) and (
            self.value is None or (value > self.value if self.higher_is_better else value < self.value)
        )
        if is_better:
            self.epoch, self.value, self.stale_epochs = epoch, value, 0
        else:
            self.stale_epochs += 1
        return is_better
