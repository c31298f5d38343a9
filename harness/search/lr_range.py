"""Learning-rate ranges: what the loss of a range test suggests, as numbers and as the range of a search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WINDOW = 11
"""Number of steps whose mean loss is the smoothed loss of the one in their middle."""

_BELOW_MINIMUM = 10.0
_AROUND = 10.0
_LEAST_FALL = 0.02
"""Share of the first loss by which the smoothed loss must fall at least for a suggestion."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LrRange:
    """The range test of a combination of model, dataset and recipe.

    The suggestion is a tenth of the rate at which the smoothed loss is lowest, the rule of fastai's ``minimum`` (Howard
    and Gugger 2020, arXiv:2002.04688): there, training is about to diverge, and a tenth below it the loss still falls.
    """

    title: str
    """Model, dataset and recipe."""
    default: float | None = None
    """The recipe's own learning rate; None if it has none."""
    lrs: tuple[float, ...] = ()
    """Learning rate of each step, rising."""
    losses: tuple[float, ...] = ()
    """Mean training loss of each step, before its update."""
    problem: str = ""
    """Why there was no test, or why it suggests nothing; empty if it suggests something."""

    @classmethod
    def of(cls, title: str, default: float, lrs: Sequence[float], losses: Sequence[float]) -> LrRange:
        """Return the range of what was measured, with the problem if nothing follows from it."""
        found = cls(title=title, default=default, lrs=tuple(lrs), losses=tuple(losses))
        smoothed = found.smoothed
        problem = ""
        if len(smoothed) < WINDOW:
            problem = f"training diverged within {len(smoothed)} steps, so there is nothing to read a rate from"
        elif smoothed[0] - min(smoothed) < _LEAST_FALL * abs(smoothed[0]):
            problem = f"the loss did not fall at any rate from {lrs[0]:.1g} to {lrs[-1]:.1g}"
        return cls(title=title, default=default, lrs=found.lrs, losses=found.losses, problem=problem)

    @property
    def smoothed(self) -> tuple[float, ...]:
        """Mean loss of the steps around each step, fewer at the ends."""
        half = WINDOW // 2
        return tuple(
            math.fsum(near) / len(near)
            for place in range(len(self.losses))
            if (near := self.losses[max(0, place - half) : place + half + 1])
        )

    @property
    def lr_of_minimum(self) -> float | None:
        """Learning rate at which the smoothed loss is lowest; None if nothing follows from the test."""
        if self.problem:
            return None
        smoothed = self.smoothed
        return self.lrs[smoothed.index(min(smoothed))]

    @property
    def suggestion(self) -> float | None:
        """Suggested learning rate, with two digits; None if nothing follows from the test."""
        lowest = self.lr_of_minimum
        return None if lowest is None else _rounded(lowest / _BELOW_MINIMUM)

    @property
    def space(self) -> dict[str, str]:
        """Range to search, a power of ten to each side: ``{"recipe.lr": "log(0.01, 1)"}``; empty if there is none."""
        lr = self.suggestion
        if lr is None:
            return {}
        return {"recipe.lr": f"log({_rounded(lr / _AROUND):g}, {_rounded(lr * _AROUND):g})"}


def _rounded(value: float) -> float:
    return float(f"{value:.2g}")
