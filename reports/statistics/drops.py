"""Drops: how much lower the accuracy of one row is on other images than on its test images, with an interval.

Shape suffixes: S seeds, N test images, M other images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.statistics.intervals import metric_interval
from reports.statistics.multiplicity import CONFIDENCE
from reports.statistics.sample import Sample
from reports.statistics.student_t import squared_quantile

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Drop:
    """The accuracy on the test images minus that on others."""

    mean: float
    low: float
    """Lower end of the 95 % interval."""
    high: float
    is_paired: bool
    """Whether the images are the same ones, changed, so that each is compared with itself."""


def paired_drop(clean_SN: Floats, changed_SN: Floats) -> Drop:
    """Return the drop between two versions of the same images, in the same order and under the same seeds."""
    sample = Sample.of(clean_SN - changed_SN)
    interval = metric_interval(sample, (-math.inf, math.inf))
    return Drop(mean=sample.mean, low=interval.low, high=interval.high, is_paired=True)


def unpaired_drop(clean_SN: Floats, other_SM: Floats, *, share: float = 1.0) -> Drop:
    """Return the drop between different images under the same seeds.

    Images of either set vary independently, and the seeds by the drops of each: three variances, each with a t quantile
    of its own, as in :mod:`reports.statistics.intervals`. The mean over images is part of what seeds vary by, so the
    interval is rather too wide with several.

    Args:
        clean_SN: Correctness of the test images.
        other_SM: That of the others.
        share: Factor of the drop and its interval: where the others are a part of the test images and *clean_SN* is
            the rest, the share of the rest in all.
    """
    num_seeds = len(clean_SN)
    drops_S = clean_SN.mean(axis=1) - other_SM.mean(axis=1)
    width = sum(width_of_images(each) for each in (clean_SN, other_SM))
    if num_seeds > 1:
        width += float(drops_S.var(ddof=1)) / num_seeds * squared_quantile(num_seeds - 1, 1 - CONFIDENCE)
    mean, half = share * float(drops_S.mean()), share * width**0.5
    return Drop(mean=mean, low=mean - half, high=mean + half, is_paired=False)


def width_of_images(correct_SN: Floats) -> float:
    """Return the variance of the mean over images, times its squared quantile."""
    means_N = correct_SN.mean(axis=0)
    if len(means_N) < 2:
        return 0.0
    # With all images alike, one more of each kind: a variance of 0 would be certainty.
    share = (float(means_N.sum()) + 1) / (len(means_N) + 2)
    variance = max(float(means_N.var(ddof=1)), share * (1 - share) if means_N.std() == 0 else 0.0)
    return variance / len(means_N) * squared_quantile(len(means_N) - 1, 1 - CONFIDENCE)
