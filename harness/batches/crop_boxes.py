"""Crop boxes: where random resized crops lie in images of any shape, drawn from the position in the epoch alone.

So a crop depends neither on the number of threads nor on what else a process loads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.randomness import derive_seed

TRIES = 10
LARGEST_RATIO = 4 / 3
"""Largest ratio of width to height of a box, and of height to width."""

_PER_IMAGE = 2 * TRIES + 3
"""Numbers drawn for an image: area and ratio of each try, the place of the box, and whether to mirror it."""


class CropDraws:
    """The random numbers of an epoch's crops.

    Args:
        seed: Seed of the trial.
        epoch: The epoch, counted from 1.
    """

    def __init__(self, seed: int, epoch: int) -> None:
        self._seed = derive_seed(seed, "resized_crop", epoch)

    def of(self, positions_B: Sequence[int]) -> NDArray[np.float64]:
        """Return numbers in [0, 1) for the images at some positions in the epoch's order, ``[B, D]``."""
        if not len(positions_B):
            return np.empty((0, _PER_IMAGE))
        first, last = min(positions_B), max(positions_B)
        # Each number takes one step of the generator, which can jump to any of them.
        rng = np.random.Generator(np.random.PCG64(self._seed).advance(first * _PER_IMAGE))
        drawn: NDArray[np.float64] = rng.random((last - first + 1, _PER_IMAGE))
        return drawn.take(np.asarray(positions_B) - first, axis=0)


def crop_box(drawn: Sequence[float], height: int, width: int, *, smallest_area: float) -> tuple[int, int, int, int]:
    """Return top, left, height and width of a random box in an image, in whole pixels.

    As in torchvision's ``RandomResizedCrop``, its area is uniform in [smallest_area, 1] of the image, and its ratio of
    width to height log-uniform in [3/4, 4/3] (Szegedy et al. 2015, https://arxiv.org/abs/1409.4842). If ten tries do
    not fit, it is the largest box in the centre with such a ratio.

    Args:
        drawn: Numbers from :class:`CropDraws` for the image.
    """
    area, spread = height * width, math.log(LARGEST_RATIO)
    for attempt in range(TRIES):
        target = area * (smallest_area + (1 - smallest_area) * drawn[2 * attempt])
        ratio = math.exp(spread * (2 * drawn[2 * attempt + 1] - 1))
        box_width, box_height = round(math.sqrt(target * ratio)), round(math.sqrt(target / ratio))
        if 0 < box_width <= width and 0 < box_height <= height:
            top = int(drawn[2 * TRIES] * (height - box_height + 1))
            left = int(drawn[2 * TRIES + 1] * (width - box_width + 1))
            return top, left, box_height, box_width
    box_width, box_height = width, height
    if width > height * LARGEST_RATIO:
        box_width = round(height * LARGEST_RATIO)
    elif height > width * LARGEST_RATIO:
        box_height = round(width * LARGEST_RATIO)
    return (height - box_height) // 2, (width - box_width) // 2, box_height, box_width


def is_mirrored(drawn: Sequence[float]) -> bool:
    """Return whether to mirror an image: half of them are."""
    return drawn[2 * TRIES + 2] < 0.5
