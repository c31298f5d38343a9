"""Paired seeds: the difference of two rows whose seeds, too, are pairs, such as a tuned row and its default.

With the same seed, both start from the same weights, see the same batches and are tested on the same images. What seed
and image do to both drops out of the differences, which are then a sample like any other
(:mod:`reports.statistics.sample`). Shape suffixes: S seeds, N test images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.statistics.intervals import metric_interval
from reports.statistics.sample import Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanDifference:
    """A mean difference with its 95 % interval."""

    mean: float
    low: float
    high: float


def mean_difference(differences_SN: NDArray[np.float64]) -> MeanDifference:
    """Return the mean of differences, each of two rows under one seed and on one image, with its interval.

    With one seed, the interval covers other test images only.
    """
    sample = Sample.of(differences_SN)
    interval = metric_interval(sample, (-math.inf, math.inf))
    return MeanDifference(mean=sample.mean, low=interval.low, high=interval.high)
