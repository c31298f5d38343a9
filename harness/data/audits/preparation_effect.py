"""The effect of a preparation on images: how much of their area it discards, and how far it enlarges them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.records.spec import FrozenModel
from zoo.preparation import Preparation


class PreparationEffect(FrozenModel):
    """What a preparation does to the readable images of a dataset."""

    preparation: str
    """The preparation in words."""
    discarded: float
    """Mean share of an image's area outside the crop, in [0, 1]."""
    most_discarded: float
    """The largest share of a single image."""
    num_enlarged: int
    """Number of images that are enlarged."""
    enlargement: float
    """Median factor by which the sides of these are enlarged; 1 if there are none."""
    largest_enlargement: float
    """Factor for the smallest image."""


def effect_of(counts: Mapping[tuple[int, int], int], preparation: Preparation) -> PreparationEffect:
    """Return the effect of *preparation*, which has a size, on images counted by their width and height."""
    size, scaled = preparation.size, preparation.scaled_size
    assert size is not None, "the size is resolved before images are prepared"
    number_M = np.array(list(counts.values()))
    sides_M2 = np.array(list(counts), dtype=np.float64).reshape(-1, 2)
    shorter_M, longer_M = sides_M2.min(axis=1), sides_M2.max(axis=1)
    kept = (size / scaled) ** 2
    if preparation.fit == "crop":
        discarded_M, factor_M = 1 - kept * shorter_M / longer_M, scaled / shorter_M
    else:
        discarded_M = np.full(len(sides_M2), 1 - kept)
        # Padded images are scaled as a whole; squashed ones are enlarged most along the shorter side.
        factor_M = scaled / (longer_M if preparation.fit == "pad" else shorter_M)
    enlarged_M = factor_M > 1
    factors = np.repeat(factor_M[enlarged_M], number_M[enlarged_M])
    return PreparationEffect(
        preparation=str(preparation),
        discarded=float(np.average(discarded_M, weights=number_M)),
        most_discarded=float(discarded_M.max()),
        num_enlarged=len(factors),
        enlargement=float(np.median(factors)) if len(factors) else 1.0,
        largest_enlargement=float(factors.max()) if len(factors) else 1.0,
    )
