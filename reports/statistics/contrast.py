"""Contrasts: is one cell different between two runs, is it equivalent, and how large is the change?

A run may also be a tuned row, and the other one the default that its search began with.

Both runs are tested on the same images, so images are paired; seeds that both runs have are paired too. Seed ``s``
then gives a difference in [-1, 1] for each image, and the table of these differences varies with seeds and images, as
that of a single row does (:mod:`reports.statistics.sample`). Each part has a t quantile of its own. If the runs
share fewer than two seeds, seeds count as unpaired, with Satterthwaite's degrees of freedom. For one seed on each side,
the p-value is that of McNemar's exact test, which compares these two networks only.

Usually the runs agree on all but a few images, and the observed variance is too small: 100 images without a
disagreement do not show that disagreements are impossible. A change larger than the observed one would need more images
to disagree, so their variance is added before such a change is excluded. For one seed, this is close to the score
interval of Tango ("Equivalence test and confidence interval for the difference in proportions for the paired-sample
design", Statistics in Medicine, 1998); with several seeds, each image still counts once.

Unlike in a table of ranks, nothing is subtracted from the variance of the seeds for the residual: with half of it
subtracted, 9 of 100 equal cells with two paired seeds were called different in the simulations of
tests/reports/statistics/test_contrast.py. It is not pooled over cells either: a pool would make cells uncertain whose
predictions are identical.

Where each seed has a deal of cross-validation folds of its own, the variance is that of repeated folds instead, which
covers other training images as well: of the differences of the folds if both sides have the same deals, or the sum of
both (:mod:`reports.statistics.repeated_folds`).

Shape suffixes: S seeds, N test images.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.statistics.mcnemar import mcnemar_p_value
from reports.statistics.multiplicity import CONFIDENCE
from reports.statistics.paired_tests import pair_rows
from reports.statistics.sample import Sample
from reports.statistics.student_t import squared_quantile

_SMALLEST_P = 1e-16

Floats = NDArray[np.float64]
Folds = NDArray[np.integer]


@dataclass(frozen=True, kw_only=True, slots=True)
class Contrast:
    """What is known of the change of one cell: the second run's accuracy less the first's, in [-1, 1]."""

    change: float
    num_images: int
    image_variance: float
    """Variance of the change, from the images' paired differences; 0 where folds have both variances together."""
    image_freedom: float
    """Degrees of freedom of that variance; where differences are 0 and ±1, as many as are not 0."""
    seed_variance: float
    """Variance of the change from seeds, or from repeated folds; 0 for one seed on each side."""
    seed_freedom: float
    discordant: tuple[int, int] | None
    """Images that only the first and only the second has right, where McNemar's test fits."""
    is_paired_by_seed: bool

    @classmethod
    def of(
        cls,
        first_SN: Floats,
        second_SN: Floats,
        *,
        is_paired_by_seed: bool,
        folds: tuple[Folds | None, Folds | None] = (None, None),
    ) -> Contrast:
        """Reduce correctness, in [0, 1], of the same images in the same order.

        Args:
            first_SN: Of the first run.
            second_SN: Of the second; where seeds are paired, of the same seeds in the same order.
            is_paired_by_seed: Whether equal seeds of the two runs are paired.
            folds: Cross-validation fold of each image under each seed of either run; None if it has none.
        """
        first, second = (Sample.of(*pair) for pair in zip((first_SN, second_SN), folds, strict=True))
        differences_N = second.image_means_N - first.image_means_N
        change, num_images = float(differences_N.mean()), len(differences_N)
        if is_paired_by_seed:
            seed_variance = Sample.of(second_SN - first_SN).seed_spread / first.num_seeds
            seed_freedom = max(first.num_seeds - 1.0, 1.0)
        else:
            seed_variance, seed_freedom = _unpaired(first, second)
        square, fourth = float((differences_N**2).sum()), float((differences_N**4).sum())
        image_variance = max(square / num_images - change**2, 0.0) / num_images
        if first.fold_scores is not None or second.fold_scores is not None:
            # This part is then of images, too.
            ((seed_variance,), (seed_freedom,)), _ = pair_rows([first, second]).parts
            image_variance = 0.0
        discordant = None
        if first.is_whole and second.is_whole:
            discordant = int((differences_N < 0).sum()), int((differences_N > 0).sum())
        return cls(
            change=change,
            num_images=num_images,
            image_variance=image_variance,
            image_freedom=min(max(square**2 / fourth if fourth > 0 else 1.0, 1.0), max(num_images - 1.0, 1.0)),
            seed_variance=float(seed_variance),
            seed_freedom=float(seed_freedom),
            discordant=discordant,
            is_paired_by_seed=is_paired_by_seed,
        )

    def p_value(self, change: float = 0.0) -> float:
        """Return the two-sided p-value of "the true change is *change*"."""
        if change == 0.0 and self.discordant is not None:
            return mcnemar_p_value(*self.discordant)
        reach = (self.change - change) ** 2
        if reach <= 1e-24:
            return 1.0

        def excess(log_p: float) -> float:
            return self._width(change, 10.0**log_p) - reach

        lowest = float(np.log10(_SMALLEST_P))
        if excess(lowest) <= 0:
            return _SMALLEST_P
        from scipy.optimize import brentq

        return float(10.0 ** brentq(excess, lowest, 0.0, xtol=1e-6))

    def p_below(self, change: float) -> float:
        """Return the one-sided p-value of "the true change is *change* or more", small if it is below."""
        half = self.p_value(change) / 2
        return half if self.change < change else 1 - half

    def p_not_equivalent(self, margin: float) -> float:
        """Return the p-value of "the true change is *margin* or more, up or down": two one-sided tests in one.

        Schuirmann, "A comparison of the two one-sided tests procedure and the power approach", Journal of
        Pharmacokinetics and Biopharmaceutics, 1987.
        """
        return max(self.p_below(margin), 1 - self.p_below(-margin))

    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the true change, this cell taken for itself.

        It is the changes that are not rejected at 5 %, so that it excludes 0 where the p-value is below 0.05, but for
        the exactness of McNemar's test.
        """
        return -self._end(-1), self._end(1)

    def _end(self, sign: int) -> float:
        """Return the upper end of the interval of *sign* times the change."""
        change = sign * self.change

        def inside(at: float) -> float:
            return self._width(sign * at, 1 - CONFIDENCE) - (at - change) ** 2

        if change < 0:
            if inside(0.0) < 0:
                return _root(inside, change, 0.0)
            # Beyond zero, further images would have to disagree.
            change = 0.0
        if inside(1.0) >= 0:
            return 1.0
        just_above = change + 1e-12
        return _root(inside, just_above, 1.0) if inside(just_above) > 0 else change

    def _width(self, change: float, p: float) -> float:
        """Return the square of the largest distance from *change* that leaves a two-sided p-value of *p*."""
        distance = abs(self.change - change)
        of_images = self.image_variance + distance**2 / self.num_images
        freedom = self.image_freedom
        lies_between = min(self.change, 0.0) <= change <= max(self.change, 0.0)
        if not lies_between:
            of_images += distance / self.num_images
            freedom = max(self.num_images - 1.0, 1.0)
        return of_images * squared_quantile(freedom, p) + self.seed_variance * squared_quantile(self.seed_freedom, p)


def _unpaired(first: Sample, second: Sample) -> tuple[float, float]:
    """Return the variance from the seeds of both and its degrees of freedom; a single seed borrows the other's."""
    if first.num_seeds == second.num_seeds == 1:
        return 0.0, 1.0
    if 1 in (first.num_seeds, second.num_seeds):
        lender = first if first.num_seeds > 1 else second
        return lender.seed_spread * (1 + 1 / lender.num_seeds), lender.num_seeds - 1.0
    parts = [(each.seed_spread / each.num_seeds, each.num_seeds - 1.0) for each in (first, second)]
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return 0.0, 1.0
    return total, total**2 / sum(variance**2 / freedom for variance, freedom in parts)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=1e-9))
