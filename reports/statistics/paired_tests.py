"""Paired tests: do two rows have the same expected accuracy, judged on the same test images?

In simulations with known truth, at most about 5 % of sets of equal models are separated, also if the seeds of one model
vary five times as much as those of another.

Shape suffixes: N test images, M rows, P pairs of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.statistics.mcnemar import mcnemar_p_values
from reports.statistics.multiplicity import CONFIDENCE
from reports.statistics.pooling import pool_seed_variances
from reports.statistics.sample import Sample
from reports.statistics.student_t import p_values_of, squared_quantile

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pairs:
    """All pairs of rows, ``P = M (M - 1) / 2``, with the variance of their differences."""

    first_P: NDArray[np.intp]
    second_P: NDArray[np.intp]
    differences_P: Floats
    """Mean of the first row minus that of the second."""
    num_images: int
    num_rows: int
    image_squares_P: Floats
    """Sum over images of squared differences."""
    parts: tuple[tuple[Floats, Floats], ...]
    """Variance of the difference that comes from images and from the seeds of both rows, each with its freedom."""
    are_whole_P: NDArray[np.bool_]
    """Whether both rows have one seed and no ties, as McNemar's test requires."""

    def matrix(self, values_P: Floats, diagonal: float) -> Floats:
        """Return values of pairs as a symmetric ``[M, M]`` matrix."""
        matrix = np.full((self.num_rows, self.num_rows), diagonal)
        matrix[self.first_P, self.second_P] = matrix[self.second_P, self.first_P] = values_P
        return matrix

    def width(self, quantile: Callable[[float], float]) -> Floats:
        """Return ``[P]``: the root of the sum of the variances, each times its squared quantile."""
        total = np.zeros(len(self.differences_P))
        for variance, freedom in self.parts:
            distinct, place = np.unique(freedom, return_inverse=True)
            total += variance * np.array([quantile(float(each)) ** 2 for each in distinct])[place]
        return np.sqrt(total)

    def p_values(self, *, between: tuple[float, float] = (0.0, 1.0)) -> Floats:
        """Return ``[P]``: p-values, exact between two bounds to save work; those above are 1, those below 0."""
        p_values = p_values_of(self.differences_P**2, self.parts, between=between)
        exact = self.are_whole_P
        if exact.any():
            net = np.rint(self.differences_P[exact] * self.num_images)
            p_values[exact] = mcnemar_p_values(np.rint(self.image_squares_P[exact]), net)
        return p_values


def pairwise_p_values(samples: Sequence[Sample]) -> Floats:
    """Return ``[M, M]``: p-values of "both rows have the same expected accuracy", paired over test images.

    All samples are of the same images in the same order. Two rows of one seed each are compared by McNemar's exact
    test, which is about these two networks and not about other seeds. Otherwise the difference is compared with its
    variance over images, estimated from the paired differences, and over the seeds of both rows, each with a t quantile
    of its own as in :mod:`reports.statistics.intervals`.
    """
    pairs = pair_rows(samples)
    return pairs.matrix(pairs.p_values(), 1.0)


def difference_widths(samples: Sequence[Sample]) -> Floats:
    """Return ``[M, M]``: half the width of the 95 % interval of each difference, without adjustment for many pairs."""
    pairs = pair_rows(samples)
    return pairs.matrix(pairs.width(lambda freedom: squared_quantile(freedom, 1 - CONFIDENCE) ** 0.5), 0.0)


def pair_rows(samples: Sequence[Sample], *, num_seeds: int | None = None) -> Pairs:
    """Pair all rows over the same test images.

    The variances of the seeds are pooled over rows as in :mod:`reports.statistics.pooling`. Those of the two rows of a
    pair are added with Satterthwaite's degrees of freedom (Biometrics, 1946); a row of one seed borrows the variance of
    the other.

    Args:
        samples: Rows tested on the same images, in the same order.
        num_seeds: Pretend that each row of several seeds has at least this many.
    """
    means_MN = np.stack([sample.image_means_N for sample in samples])
    num_rows, num_images = means_MN.shape
    first, second = np.triu_indices(num_rows, 1)
    differences = (means_MN.mean(axis=1)[:, None] - means_MN.mean(axis=1))[first, second]

    # Sums over images of the second and fourth powers of paired differences, by matrix products.
    squares_MN, cubes_MN = means_MN**2, means_MN**3
    second_powers = squares_MN.sum(axis=1)
    fourth_powers = (squares_MN**2).sum(axis=1)
    products = (means_MN @ means_MN.T)[first, second]
    sum2 = second_powers[first] + second_powers[second] - 2 * products
    mixed = cubes_MN @ means_MN.T
    sum4 = fourth_powers[first] + fourth_powers[second] + 6 * (squares_MN @ squares_MN.T)[first, second]
    sum4 -= 4 * (mixed[first, second] + mixed[second, first])
    rounding = 1e-12 * num_images
    sum2, sum4 = np.where(sum2 > rounding, sum2, 0.0), np.maximum(sum4, 0.0)

    seeds = np.array([sample.num_seeds for sample in samples])
    of_one_seed, freedoms = pool_seed_variances(
        np.array([sample.seed_variance * sample.num_seeds for sample in samples]), seeds - 1.0
    )
    if num_seeds is not None:
        wanted = np.where(seeds > 1, np.maximum(seeds, num_seeds), seeds)
        # The residual is averaged over more seeds; the differences between images stay.
        gained = np.array([sample.residual_variance for sample in samples]) * (1 / seeds - 1 / wanted)
        sum2 = np.maximum(sum2 - num_images * (gained[first] + gained[second]), 0.0)
        freedoms = freedoms * (wanted - 1.0) / np.maximum(seeds - 1.0, 1.0)
        seeds = wanted
    own = of_one_seed / seeds
    # A single seed has no spread: it borrows that of the other row, with nothing subtracted.
    spread = np.array([sample.seed_spread for sample in samples])
    seeds_of = np.stack([seeds[first], seeds[second]])
    freedom_of = np.maximum(np.stack([freedoms[first], freedoms[second]]), 1.0)
    variance_of = np.stack([own[first], own[second]])
    borrows = (seeds_of == 1) & (seeds_of[::-1] > 1)
    variance_of = np.where(borrows, np.stack([spread[second], spread[first]]), variance_of)
    # A borrowed variance is known as well as the lender knows it, and adds no freedom of its own.
    of_seeds = variance_of.sum(axis=0)
    mixed_freedom = np.divide(
        of_seeds**2, (variance_of**2 / freedom_of).sum(axis=0), out=np.ones_like(of_seeds), where=of_seeds > 0
    )
    borrowed = borrows.any(axis=0)
    mixed_freedom[borrowed] = seeds_of.max(axis=0)[borrowed] - 1.0

    # Few images that differ are few degrees of freedom: where differences are 0 and ±1, as many as are not 0.
    effective = np.divide(sum2**2, sum4, out=np.ones_like(sum2), where=sum4 > rounding)
    whole = np.array([sample.is_whole for sample in samples])
    return Pairs(
        first_P=first,
        second_P=second,
        differences_P=differences,
        num_images=num_images,
        num_rows=num_rows,
        image_squares_P=sum2,
        parts=(
            (sum2 / num_images**2, np.floor(np.clip(effective, 1, max(num_images - 1, 1)))),
            (of_seeds, np.floor(np.maximum(mixed_freedom, 1.0))),
        ),
        are_whole_P=whole[first] & whole[second],
    )
