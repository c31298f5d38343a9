"""Choosing the best epoch."""

from __future__ import annotations

import math

from harness.training.best_epoch import BestEpoch


def test_nan_is_never_the_best():
    """timm's saver keeps a NaN first metric as best for ever: the sequence NaN, 10, 50, 90, 20 has best 90."""
    best = BestEpoch(higher_is_better=True)
    improved = [best.observe(epoch, value) for epoch, value in enumerate([math.nan, 10, 50, 90, 20], start=1)]
    assert improved == [False, True, True, True, False]
    assert (best.epoch, best.value, best.stale_epochs) == (4, 90, 1)


def test_lower_is_better_for_a_loss_and_infinity_is_nothing():
    best = BestEpoch(higher_is_better=False)
    for epoch, value in enumerate([math.inf, 3.0, -math.inf, 2.0, 2.0], start=1):
        best.observe(epoch, value)
    assert (best.epoch, best.value, best.stale_epochs) == (4, 2.0, 1)
