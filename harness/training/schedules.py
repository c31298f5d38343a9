"""Schedules: learning rates relative to the maximum. All but ``plateau`` are pure functions of the step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from zoo.hyperparameters import Hyperparameters

ONECYCLE_FIRST_SCALE = 1 / 25
"""Learning rate of onecycle's first step relative to the maximum, as in torch's OneCycleLR."""

PLATEAU_THRESHOLD = 1e-4
"""Relative decrease that counts as an improvement of the loss, as in torch's ReduceLROnPlateau."""


def lr_factor(
    step: int,
    hp: Hyperparameters,
    *,
    steps_per_epoch: int,
    custom: Callable[[float, Hyperparameters], float] | None = None,
) -> float:
    """Return the learning rate of *step* (from 0) relative to the maximum, without reductions by ``plateau``.

    Args:
        custom: A recipe's own function of progress in [0, 1), used instead of the schedule.
    """
    total = hp.epochs * steps_per_epoch
    if custom is not None:
        return float(custom(step / total, hp))
    if hp.schedule == "onecycle":
        return onecycle(step, total, rise=hp.onecycle_rise, final=hp.final_lr_scale)
    if hp.schedule == "plateau":
        return 1.0
    warmup_steps = min(round(hp.warmup_epochs * steps_per_epoch), total)
    if hp.schedule == "cosine":
        if step < warmup_steps:
            return warmup(step, warmup_steps)
        return cosine(step - warmup_steps, total - warmup_steps, final=hp.final_lr_scale)
    base = hp.gamma ** (step // steps_per_epoch // hp.step_epochs) if hp.schedule == "step" else 1.0
    return base * warmup(step, warmup_steps)


def warmup(step: int, warmup_steps: int) -> float:
    """Rise linearly to 1 at the last step of the warm-up (Goyal et al. 2017, arXiv:1706.02677)."""
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0


def cosine(step: int, total: int, *, final: float) -> float:
    """Fall from 1 towards *final* along half a cosine (Loshchilov and Hutter 2017, arXiv:1608.03983)."""
    return _annealed(1.0, final, step / total)


def onecycle(step: int, total: int, *, rise: float, final: float) -> float:
    """Rise to 1 during the share *rise* of all steps, then fall to *final*, both along half a cosine.

    The schedule is from Smith and Topin 2018, arXiv:1708.07120, in the form of torch's OneCycleLR with two phases;
    momentum stays constant.
    """
    peak, last = rise * total - 1, total - 1
    if step <= peak:
        return _annealed(ONECYCLE_FIRST_SCALE, 1.0, step / peak if peak > 0 else 1.0)
    peak = max(peak, 0.0)
    return _annealed(1.0, final, (step - peak) / (last - peak) if last > peak else 0.0)


@dataclass(kw_only=True, slots=True)
class Plateau:
    """Multiplies the learning rate by *factor* whenever the validation loss has not fallen for *patience* epochs."""

    patience: int
    factor: float
    scale: float = 1.0
    best: float | None = None
    bad_epochs: int = 0

    def observe(self, val_loss: float) -> None:
        """Record the validation loss of an epoch; a loss that is not finite is no improvement."""
        to_beat = math.inf if self.best is None else self.best * (1 - PLATEAU_THRESHOLD)
        if math.isfinite(val_loss) and val_loss < to_beat:
            self.best, self.bad_epochs = val_loss, 0
        else:
            self.bad_epochs += 1
        if self.bad_epochs > self.patience:
            self.scale, self.bad_epochs = self.scale * self.factor, 0


def _annealed(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
