"""Power: the minimum detectable difference between two rows, and the seeds and images that a difference needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.statistics.multiplicity import ALPHA
from reports.statistics.paired_tests import pair_rows
from reports.statistics.sample import Sample
from reports.statistics.student_t import quantile, squared_quantile

Floats = NDArray[np.float64]


def detectable_differences(
    samples: Sequence[Sample], *, power: float = 0.8, alpha: float = ALPHA, num_seeds: int | None = None
) -> Floats:
    """Return ``[M, M]``: the smallest true differences that the tests detect with probability *power*.

    A difference is detected if it is significant at the first step of Holm's method, *alpha* over the number of pairs.
    Each part of the variance counts with the square of the sum of two t quantiles, that of the level and that of the
    power, as in a t test.

    Args:
        samples: Rows tested on the same images, in the same order.
        power: The probability.
        alpha: Level over all pairs together.
        num_seeds: Pretend that each row of several seeds has at least this many.
    """
    pairs = pair_rows(samples, num_seeds=num_seeds)
    alpha /= max(len(pairs.differences_P), 1)
    reach = pairs.width(lambda freedom: squared_quantile(freedom, alpha) ** 0.5 + quantile(freedom, power))
    return pairs.matrix(reach, 0.0)


MOST_SEEDS = 100
"""Largest number of seeds that is considered."""
_MOST_IMAGES = 10**8


@dataclass(frozen=True, kw_only=True, slots=True)
class Variation:
    """How much two rows and their seeds vary on one kind of images, before a bench of it."""

    of_images: float
    """Variance, over images, of the difference between two rows, without that of single seeds on single images."""
    of_residual: float
    """Variance of one image under one seed that neither explains."""
    of_seeds: float
    """Variance of the mean of one seed, over seeds."""

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Variation:
        """Estimate it from rows tested on the same images: the median over pairs, the mean over rows of several seeds.

        Raises:
            ValueError: If there are fewer than two rows, or none has several seeds.
        """
        several = [sample for sample in samples if sample.num_seeds > 1]
        if len(samples) < 2 or not several:
            raise ValueError("two rows are needed, and one of several seeds")
        residual = float(np.mean([sample.residual_variance for sample in several]))
        num_images = len(samples[0].image_means_N)
        seeds = float(np.mean([each.seed_spread - each.residual_variance / num_images for each in several]))
        pairs = pair_rows(samples)
        shares = np.array([1 / sample.num_seeds for sample in samples])
        of_pairs = pairs.image_squares_P / num_images - residual * (shares[pairs.first_P] + shares[pairs.second_P])
        return cls(of_images=max(float(np.median(of_pairs)), 0.0), of_residual=residual, of_seeds=max(seeds, 0.0))

    def detectable(
        self, num_seeds: int, num_images: int, *, num_pairs: int = 1, power: float = 0.8, alpha: float = ALPHA
    ) -> float:
        """Return the smallest difference that two rows would show with probability *power*.

        It is the same formula as in :func:`detectable_differences`, at the first step of Holm's method for *num_pairs*.
        With one seed, other seeds do not count, as in the tests.
        """
        alpha /= num_pairs
        parts = [((self.of_images + 2 * self.of_residual / num_seeds) / num_images, max(num_images - 1, 1))]
        if num_seeds > 1:
            # Half of the residual stays in the variance of the seeds (:mod:`reports.statistics.sample`).
            seeds = 2 * (self.of_seeds + self.of_residual / num_images / 2) / num_seeds
            parts.append((seeds, 2 * (num_seeds - 1)))
        return math.sqrt(
            sum(
                variance * (squared_quantile(freedom, alpha) ** 0.5 + quantile(freedom, power)) ** 2
                for variance, freedom in parts
            )
        )

    def seeds_needed(self, difference: float, num_images: int, *, num_pairs: int = 1) -> int | None:
        """Return the smallest number of seeds, from 2, that shows a difference; None if no number up to 100 does."""
        return next(
            (
                seeds
                for seeds in range(2, MOST_SEEDS + 1)
                if self.detectable(seeds, num_images, num_pairs=num_pairs) <= difference
            ),
            None,
        )

    def images_needed(self, difference: float, num_seeds: int, *, num_pairs: int = 1) -> int | None:
        """Return the smallest number of test images, to two digits, that shows a difference; None if none does."""
        low, high = 1, 2
        while self.detectable(num_seeds, high, num_pairs=num_pairs) > difference:
            low, high = high, 2 * high
            if high > _MOST_IMAGES:
                return None
        while high - low > max(1, high // 100):
            middle = (low + high) // 2
            if self.detectable(num_seeds, middle, num_pairs=num_pairs) > difference:
                low = middle
            else:
                high = middle
        step = int(10 ** max(len(str(high)) - 2, 0))
        return math.ceil(high / step) * step
