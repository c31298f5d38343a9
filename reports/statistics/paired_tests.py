"""Paired tests: do two rows have the same expected accuracy, judged on the same test images?

In simulations with known truth, at most about 5 % of sets of equal models are separated, also if the seeds of one model
vary five times as much as those of another.

Shape suffixes: N test images, M rows, P pairs of rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.statistics.mcnemar import mcnemar_p_values
from reports.statistics.multiplicity import CONFIDENCE
from reports.statistics.pooling import pool_seed_variances
from reports.statistics.sample import Sample
from reports.statistics.student_t import Widths, p_values_of, squared_quantile

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


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

    def p_values(self) -> Floats:
        """Return ``[P]``: p-values."""
        p_values = p_values_of(self.differences_P**2, self.parts)
        exact = self.are_whole_P
        if exact.any():
            p_values[exact] = self._exact_p_values(exact)
        return p_values

    def significance(self) -> Significance:
        """Return which differences are significant at any level."""
        found = Significance(squares_P=self.differences_P**2, widths=Widths(self.parts))
        exact = self.are_whole_P
        if exact.any():
            found.exact_P = np.full(len(exact), np.nan)
            found.exact_P[exact] = self._exact_p_values(exact)
        return found

    def _exact_p_values(self, exact: NDArray[np.bool_]) -> Floats:
        net = np.rint(self.differences_P[exact] * self.num_images)
        return mcnemar_p_values(np.rint(self.image_squares_P[exact]), net)


@dataclass(kw_only=True, slots=True, eq=False)
class Significance:
    """Which differences of millions of pairs are significant, at any level, without their p-values."""

    squares_P: Floats
    """Squared differences."""
    widths: Widths
    """What they must exceed."""
    exact_P: Floats | None = None
    """P-values of the pairs that are tested by McNemar's test, and NaN for others; None if there are none."""

    def below(self, alpha: float) -> NDArray[np.bool_]:
        """Return ``[P]``: whether the p-value is below *alpha*."""
        found: NDArray[np.bool_] = self.squares_P > self.widths.at(alpha)
        return found if self.exact_P is None else np.where(np.isnan(self.exact_P), found, self.exact_P < alpha)

    def of(self, mask: NDArray[np.bool_]) -> Significance:
        """Return that of some pairs."""
        exact_P = None if self.exact_P is None else self.exact_P[mask]
        return Significance(squares_P=self.squares_P[mask], widths=self.widths.of(mask), exact_P=exact_P)


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

    Args:
        samples: Rows tested on the same images, in the same order.
        num_seeds: Pretend that each row of several seeds has at least this many.
    """
    return Pairing(samples, num_seeds=num_seeds).pairs(0, len(samples))


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldPart:
    """What one row adds to the variance of differences where there are repeated folds."""

    deal: int
    """Rows with the same number have the same deals, and are paired; -1: it has no deals."""
    scores_J: list[float]
    """Score of each fold of each deal, less their mean."""
    factor: float
    """What the variance between differences of folds is multiplied by."""
    alone: float
    """Variance of its mean, which counts where the deals of the other row are different."""
    freedom: float
    """Degrees of freedom; infinite without deals."""


class Pairing:
    """Rows that are to be paired, a block of them at a time, so that millions of pairs fit in memory.

    The variances of the seeds are pooled over rows as in :mod:`reports.statistics.pooling`. Those of the two rows of a
    pair are added with Satterthwaite's degrees of freedom (Biometrics, 1946); a row of one seed borrows the variance of
    the other. Rows of repeated folds are compared by the differences of their folds
    (:mod:`reports.statistics.repeated_folds`), or, if their deals are others, by the sum of their variances.

    Args:
        samples: Rows tested on the same images, in the same order.
        num_seeds: Pretend that each row of several seeds has at least this many.
    """

    def __init__(self, samples: Sequence[Sample], *, num_seeds: int | None = None) -> None:
        means_MN = np.stack([sample.image_means_N for sample in samples])
        self.num_rows, self.num_images = means_MN.shape
        self.means_M = means_MN.mean(axis=1)
        counts_M = np.array([sample.num_seeds for sample in samples])
        # Sums over images of powers of paired differences are sums of products, which are matrix products. Shares of a
        # few seeds are whole numbers after scaling: their sums are exact in single precision, and take half the time.
        self._scale = _whole_scale(means_MN, counts_M)
        dtype = np.float64 if self._scale is None else np.float32
        scaled_MN = means_MN if self._scale is None else np.rint(means_MN * self._scale)
        self._powers_MK: NDArray[Any] = np.concatenate([scaled_MN**power for power in (2, 1, 3)], axis=1, dtype=dtype)
        self._second_M = (means_MN**2).sum(axis=1)
        self._fourth_M = (means_MN**4).sum(axis=1)
        variances_M = np.array([sample.seed_variance * sample.num_seeds for sample in samples])
        of_one_seed, freedoms = pool_seed_variances(variances_M, counts_M - 1.0)
        seeds = counts_M
        self._gained_M = np.zeros(self.num_rows)
        if num_seeds is not None:
            seeds = np.where(counts_M > 1, np.maximum(counts_M, num_seeds), counts_M)
            # The residual is averaged over more seeds; the differences between images stay.
            self._gained_M = np.array([each.residual_variance for each in samples]) * (1 / counts_M - 1 / seeds)
            freedoms = freedoms * (seeds - 1.0) / np.maximum(counts_M - 1.0, 1.0)
        self._seeds_M, self._freedoms_M = seeds, np.maximum(freedoms, 1.0)
        self._own_M = of_one_seed / seeds
        self._spread_M = np.array([sample.seed_spread for sample in samples])
        self._whole_M = np.array([sample.is_whole for sample in samples])
        self._folds = _RepeatedFolds(samples, num_seeds) if any(each.fold_scores for each in samples) else None

    @property
    def num_pairs(self) -> int:
        """Number of pairs of all rows."""
        return int(self.num_rows * (self.num_rows - 1) // 2)

    def seed_parts(self) -> list[tuple[float, float, float]]:
        """Return for each row what its seeds add to the variance of a difference.

        Variance of its mean, degrees of freedom, and the variance that a row of one seed borrows from it.
        """
        return list(zip(self._own_M.tolist(), self._freedoms_M.tolist(), self._spread_M.tolist(), strict=True))

    def fold_parts(self) -> list[FoldPart] | None:
        """Return for each row what repeated folds add to the variance of a difference; None if no row has them."""
        return None if self._folds is None else self._folds.of_rows()

    def pairs(self, start: int, stop: int) -> Pairs:
        """Return the pairs of the rows from *start* to *stop* with the rows that follow each of them."""
        place, second = np.triu_indices(stop - start, 1, self.num_rows - start)
        first, second = place + start, second + start
        rounding = 1e-12 * self.num_images
        sum2, sum4 = self._sums(start, stop, place, second - start)
        sum2 = self._second_M[first] + self._second_M[second] - 2 * sum2
        sum4 = self._fourth_M[first] + self._fourth_M[second] + sum4
        sum2, sum4 = np.where(sum2 > rounding, sum2, 0.0), np.maximum(sum4, 0.0)
        # Few images that differ are few degrees of freedom: where differences are 0 and ±1, as many as are not 0.
        effective = np.divide(sum2**2, sum4, out=np.ones_like(sum2), where=sum4 > rounding)
        if self._gained_M.any():
            sum2 = np.maximum(sum2 - self.num_images * (self._gained_M[first] + self._gained_M[second]), 0.0)
            effective = np.divide(sum2**2, sum4, out=np.ones_like(sum2), where=sum4 > rounding)
        of_seeds, freedom = self._of_seeds(first, second)
        parts = (
            (sum2 / self.num_images**2, np.floor(np.clip(effective, 1, max(self.num_images - 1, 1)))),
            (of_seeds, np.floor(np.maximum(freedom, 1.0))),
        )
        return Pairs(
            first_P=first,
            second_P=second,
            differences_P=self.means_M[first] - self.means_M[second],
            num_images=self.num_images,
            num_rows=self.num_rows,
            image_squares_P=sum2,
            parts=parts if self._folds is None else self._folds.instead_of(parts, first, second),
            are_whole_P=self._whole_M[first] & self._whole_M[second],
        )

    def _sums(self, start: int, stop: int, place: Places, second: Places) -> tuple[Floats, Floats]:
        """Return ``[P]``: sums over images of products, and of the mixed terms of the fourth power of differences."""
        num_images, scale = self.num_images, self._scale or 1.0
        block_BK = self._powers_MK[start:stop].copy()
        one_BN = block_BK[:, num_images : 2 * num_images].copy()
        # Of (a - b)^4: 6 a² b² - 4 a³ b - 4 a b³, as one product with the columns b², b, b³.
        block_BK[:, num_images : 2 * num_images] = -4 * block_BK[:, 2 * num_images :]
        block_BK[:, :num_images] *= 6
        block_BK[:, 2 * num_images :] = -4 * one_BN
        mixed = (block_BK @ self._powers_MK[start:].T)[place, second].astype(np.float64)
        products = (one_BN @ self._powers_MK[start:, num_images : 2 * num_images].T)[place, second].astype(np.float64)
        return products / scale**2, mixed / scale**4

    def _of_seeds(self, first: Places, second: Places) -> tuple[Floats, Floats]:
        """Return ``[P]``: the variance of the seeds of both rows, and its degrees of freedom."""
        one, other = self._own_M[first], self._own_M[second]
        if not (self._seeds_M == 1).any():
            total = one + other
            below = one * (self._own_M / self._freedoms_M)[first] + other * (self._own_M / self._freedoms_M)[second]
            return total, np.divide(total**2, below, out=np.ones_like(total), where=total > 0)
        single_one, single_other = self._seeds_M[first] == 1, self._seeds_M[second] == 1
        # A single seed has no spread: it borrows that of the other row, with nothing subtracted.
        borrows_one, borrows_other = single_one & ~single_other, single_other & ~single_one
        one = np.where(borrows_one, self._spread_M[second], one)
        other = np.where(borrows_other, self._spread_M[first], other)
        total = one + other
        below = one**2 / self._freedoms_M[first] + other**2 / self._freedoms_M[second]
        freedom = np.divide(total**2, below, out=np.ones_like(total), where=total > 0)
        # A borrowed variance is known as well as the lender knows it, and adds no freedom of its own.
        borrowed = borrows_one | borrows_other
        freedom[borrowed] = np.maximum(self._seeds_M[first], self._seeds_M[second])[borrowed] - 1.0
        return total, freedom


class _RepeatedFolds:
    """The variances of differences between rows, some of which are means over repeated folds."""

    def __init__(self, samples: Sequence[Sample], num_seeds: int | None) -> None:
        deals: dict[object, int] = {}
        found = [sample.fold_scores for sample in samples]
        self._deals_M = np.array([-1 if each is None else deals.setdefault(each.deals, len(deals)) for each in found])
        self._freedom_M = np.array([math.inf if each is None else each.freedom for each in found])
        self._factor_M = np.ones(len(samples))
        self._alone_M = np.zeros(len(samples))
        self._centred: dict[int, NDArray[np.float64]] = {}
        self._place_M = np.zeros(len(samples), dtype=np.intp)
        for row, (sample, scores) in enumerate(zip(samples, found, strict=True)):
            if scores is None:
                num_images = len(sample.image_means_N)
                self._alone_M[row] = sample.image_means_N.var() / max(num_images - 1, 1) + sample.seed_variance
                continue
            self._factor_M[row] = scores.factor(num_deals=max(num_seeds or 0, sample.num_seeds))
            self._alone_M[row] = self._factor_M[row] * scores.means_J.var(ddof=1)
        for number in deals.values():
            rows = np.flatnonzero(self._deals_M == number)
            means = np.stack([each.means_J for row in rows if (each := found[row]) is not None])
            self._centred[number] = means - means.mean(axis=1, keepdims=True)
            self._place_M[rows] = np.arange(len(rows))

    def of_rows(self) -> list[FoldPart]:
        """Return the part of each row."""
        return [
            FoldPart(
                deal=int(deal),
                scores_J=self._centred[int(deal)][place].tolist() if deal >= 0 else [],
                factor=float(factor),
                alone=float(alone),
                freedom=float(freedom),
            )
            for deal, place, factor, alone, freedom in zip(
                self._deals_M, self._place_M, self._factor_M, self._alone_M, self._freedom_M, strict=True
            )
        ]

    def instead_of(
        self, parts: tuple[tuple[Floats, Floats], ...], first: Places, second: Places
    ) -> tuple[tuple[Floats, Floats], ...]:
        """Return the parts of the variances of pairs, with those of repeated folds where a row has them."""
        one, other = self._deals_M[first], self._deals_M[second]
        with_folds = (one >= 0) | (other >= 0)
        variance = self._alone_M[first] + self._alone_M[second]
        for number, centred_RJ in self._centred.items():
            paired = (one == number) & (other == number)
            differences = centred_RJ[self._place_M[first[paired]]] - centred_RJ[self._place_M[second[paired]]]
            square = (differences**2).sum(axis=1) / (centred_RJ.shape[1] - 1)
            variance[paired] = square * self._factor_M[first[paired]]
        freedom = np.minimum(self._freedom_M[first], self._freedom_M[second])
        (of_images, images_freedom), (of_seeds, seeds_freedom) = parts
        return (
            (np.where(with_folds, variance, of_images), np.where(with_folds, freedom, images_freedom)),
            (np.where(with_folds, 0.0, of_seeds), np.where(with_folds, 1.0, seeds_freedom)),
        )


def _whole_scale(means_MN: Floats, counts_M: NDArray[np.intp]) -> float | None:
    """Return a factor that makes shares whole numbers whose fourth powers, in sums, fit in single precision."""
    scale = math.lcm(*{int(count) for count in counts_M})
    if 14 * scale**4 * means_MN.shape[1] >= 2**24:  # 6 + 4 + 4 of the mixed terms
        return None
    scaled_MN = means_MN * scale
    return float(scale) if np.abs(scaled_MN - np.rint(scaled_MN)).max(initial=0.0) < 1e-9 else None
