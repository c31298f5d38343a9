"""Progressive resizing: smaller training images in the first epochs, which saves time (Howard 2018, in DAWNBench).

Networks see small images first, and those of full size in the last third of the epochs (Tan and Le 2021,
arXiv:2104.00298, is a variant).
"""

from __future__ import annotations

from zoo.hyperparameters import Hyperparameters

GROWING_SHARE = 2 / 3
"""Share of the epochs in which images grow."""

_STEP, _SMALL_STEP = 32, 4
"""Sides are multiples of the stride of usual networks, or of less if images are small."""
_SMALL = 128


def progressive_side(full_side: int, hp: Hyperparameters, epoch: int) -> int:
    """Return the side in pixels of the training images of an epoch, counted from 1."""
    growing = GROWING_SHARE * hp.epochs
    if hp.progressive_resizing == 1 or epoch > growing:
        return full_side
    share = hp.progressive_resizing + (1 - hp.progressive_resizing) * (epoch - 1) / growing
    step = _STEP if full_side >= _SMALL else _SMALL_STEP
    return min(full_side, max(step, round(share * full_side / step) * step))
