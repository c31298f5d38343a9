"""The sample: how accurate one row is on each test image, and how much its seeds vary.

A trial's accuracy varies for two reasons: another seed gives another network, and another draw of test images gives
another share of correct answers. Both count, as crossed random effects. Image ``i`` under seed ``s`` is right with a
seed effect, an image effect (some images are hard for every seed) and a residual,

    Var(mean) = var_seed / S + var_image / N + var_residual / (S N),

estimated from the mean squares of the two-way table without replication. A percentile bootstrap over seeds and images
estimates the same variance, but it treats two to five seeds as the whole population, and its intervals cover far too
rarely.

Shape suffixes: S seeds, N test images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.statistics.repeated_folds import FoldScores

# Seed means vary even where var_seed is 0, by their share of the residual. Subtracting all of that, with 0 as the
# floor, would too often give a variance of 0 for few seeds; subtracting none counts the residual twice. Half keeps
# coverage and false separations at their nominal levels in the simulations of tests/reports/statistics.
_RESIDUAL_SHARE = 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sample:
    """The accuracy of one row: a mean for each test image, and how much the seeds vary."""

    image_means_N: Floats
    """Share of seeds that classified each image correctly."""
    seed_variance: float
    """Estimated contribution of the seeds to the variance of the mean: var_seed / S, and half of the residual."""
    seed_spread: float
    """Variance between the means of the seeds, with nothing subtracted; 0 for one seed."""
    num_seeds: int
    is_whole: bool
    """Whether every image is either right or wrong, as McNemar's test requires: one seed, and no ties."""
    fold_scores: FoldScores | None = None
    """Scores of folds, if each seed has a deal of them of its own: then their variance is that of the mean."""
    residual_variance: float = 0.0
    """Estimated variance of one image under one seed that neither image nor seed explains; 0 for one seed."""

    @classmethod
    def of(cls, correct_SN: Floats, folds_SN: NDArray[np.integer] | None = None) -> Sample:
        """Summarise the correctness, in [0, 1], of every image under every seed.

        Args:
            correct_SN: Correctness, or another value that a metric is the mean of.
            folds_SN: Cross-validation fold of each image under each seed; None: there are no folds.
        """
        num_seeds, num_images = correct_SN.shape
        image_means_N = correct_SN.mean(axis=0)
        if num_seeds == 1:
            is_whole = bool(((correct_SN == 0) | (correct_SN == 1)).all())
            return cls(image_means_N=image_means_N, seed_variance=0.0, seed_spread=0.0, num_seeds=1, is_whole=is_whole)
        seed_means_S = correct_SN.mean(axis=1)
        seed_square = num_images * float(seed_means_S.var(ddof=1))
        residual_square = 0.0
        if num_images > 1:
            residual_SN = correct_SN - seed_means_S[:, None] - image_means_N + correct_SN.mean()
            residual_square = float((residual_SN**2).sum()) / ((num_seeds - 1) * (num_images - 1))
        variance = max(seed_square - _RESIDUAL_SHARE * residual_square, 0.0) / (num_seeds * num_images)
        return cls(
            image_means_N=image_means_N,
            seed_variance=variance,
            seed_spread=seed_square / num_images,
            num_seeds=num_seeds,
            is_whole=False,
            residual_variance=residual_square,
            fold_scores=None if folds_SN is None else FoldScores.of(correct_SN, folds_SN),
        )

    @property
    def mean(self) -> float:
        """Mean over seeds and images."""
        return float(self.image_means_N.mean())
