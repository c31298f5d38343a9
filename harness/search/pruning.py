"""Pruning: which trials of a search stop early, by their validation accuracy at a few epochs (rungs).

The rule is that of asynchronous successive halving (Li et al. 2020, "A System for Massively Parallel Hyperparameter
Tuning", arXiv:1810.05934) as in Optuna: at each rung, a trial goes on if its value is among the best third of those at
that rung so far. Hyperband (Li et al. 2018, arXiv:1603.06560) begins at later rungs in some trials, which guards
against settings that learn slowly at first.

Only trials whose results were known when a trial was proposed count, so that nothing depends on which of several
running trials reaches a rung first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Pruner = Literal["none", "asha", "hyperband"]

REDUCTION = 3
"""One of this many trials goes on at each rung, and has this many times as many epochs at the next."""
_MOST_RUNGS = 3


def rungs_of(pruner: Pruner, epochs: int, number: int) -> tuple[int, ...]:
    """Return the epochs at which trial *number* may be stopped, in a training of *epochs* epochs.

    Trial 0, with the recipe's own settings, is never stopped: it is what others are compared with.
    """
    if pruner == "none" or number == 0:
        return ()
    every = sorted({epochs // REDUCTION**power for power in range(1, _MOST_RUNGS + 1)} - {0, epochs})
    return tuple(every[bracket_of(pruner, epochs, number) :])


def bracket_of(pruner: Pruner, epochs: int, number: int) -> int:
    """Return how many of the first rungs a trial leaves out; trials are compared with those of their bracket only."""
    if pruner != "hyperband":
        return 0
    every = {epochs // REDUCTION**power for power in range(1, _MOST_RUNGS + 1)} - {0, epochs}
    return number % (len(every) + 1)


def goes_on(value: float, others: Sequence[float]) -> bool:
    """Return whether a trial with this value at a rung is among the best third, itself included, or is the best."""
    ordered = sorted([value, *others], reverse=True)
    return value >= ordered[max(len(ordered) // REDUCTION - 1, 0)]
