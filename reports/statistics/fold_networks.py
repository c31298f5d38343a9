"""Fold networks: how accurate the networks of cross-validation are on images that belong to none of their folds.

Each network is tested on all M images of a further set. Its accuracy there is the mean over the networks: what to
expect of a network that is trained on as many images. The drop is the mean over networks of the accuracy on their own
fold minus that on the further set. Three things vary: the images, which all networks share; the folds, and so the
training images; and the seeds. Networks of one fold are trained on the same images under each seed, so folds and seeds
are crossed, as seeds and images are in :mod:`reports.statistics.sample`. With a deal of folds for each seed, the
networks have the corrected resampled variance of :mod:`reports.statistics.repeated_folds`. In a drop, the images of a
network's own fold are part of what the folds differ by, so they have no part of their own.

Shape suffixes: S seeds, F folds, N images of all folds, M further images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.statistics.drops import Drop, width_of_images
from reports.statistics.intervals import Interval, wilson
from reports.statistics.multiplicity import CONFIDENCE
from reports.statistics.repeated_folds import FoldScores
from reports.statistics.sample import Sample
from reports.statistics.student_t import squared_quantile

Floats = NDArray[np.float64]
_ALPHA = 1 - CONFIDENCE


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FoldNetworks:
    """How correct the networks of all folds are on a further set, and each on its own fold."""

    correct_SFM: Floats
    own_SN: Floats
    """Correctness of each image of the folds under each seed, by the network that was not trained on it."""
    folds_SN: NDArray[np.integer]
    """Fold of each image under each seed, from 1 to F."""

    @property
    def mean(self) -> float:
        """Mean accuracy of the networks on the further set."""
        return float(self.correct_SFM.mean())

    def interval(self) -> Interval:
        """Return the 95 % interval of the accuracy on the further set, within [0, 1]."""
        num_seeds, num_folds, num_images = self.correct_SFM.shape
        quantile = squared_quantile(max(num_images - 1, 1), _ALPHA)
        means_M = self.correct_SFM.mean(axis=(0, 1))
        of_images = float(means_M.var(ddof=1)) / num_images if num_images > 1 else 0.0
        variance, width = self._parts_of_accuracies()
        variance, width = variance + of_images, width + quantile * of_images
        mean = self.mean
        if variance > 0:
            most = float(num_images * num_folds * num_seeds)
            low, high = wilson(mean, width / variance, min(max(mean * (1 - mean) / variance, 1.0), most))
        else:  # all images are alike under all networks, which share them, so they count once
            low, high = wilson(mean, quantile, float(num_images))
        return Interval(low=low, high=high, num_seeds=num_seeds, num_images=num_images)

    def drop(self) -> Drop:
        """Return how much lower the accuracy is on the further set than on the folds, with a 95 % interval."""
        own_SF = np.stack(list(map(_fold_means, self.own_SN, self.folds_SN)))
        drops_SF = own_SF - self.correct_SFM.mean(axis=2)
        if self._redealt:
            _, width = _of_deals(drops_SF)
        else:
            sample = Sample.of(drops_SF)
            num_folds = drops_SF.shape[1]
            of_folds = float(sample.image_means_N.var(ddof=1)) / num_folds
            width = squared_quantile(num_folds - 1, _ALPHA) * of_folds + _width_of_seeds(sample)
        width += width_of_images(self.correct_SFM.mean(axis=0))
        if self.own_SN.std() == 0:  # the folds cannot differ by their images, which is no certainty
            width += width_of_images(self.own_SN)
        mean, half = float(self.own_SN.mean()) - self.mean, width**0.5
        return Drop(mean=mean, low=mean - half, high=mean + half, is_paired=False)

    @property
    def _redealt(self) -> bool:
        return FoldScores.of(self.own_SN, self.folds_SN) is not None

    def _parts_of_accuracies(self) -> tuple[float, float]:
        if self._redealt:
            return _of_deals(self.correct_SFM.mean(axis=2))
        by_fold, by_seed = Sample.of(self.correct_SFM.mean(axis=0)), Sample.of(self.correct_SFM.mean(axis=1))
        variance = by_fold.seed_variance + by_seed.seed_variance
        return variance, _width_of_seeds(by_fold) + _width_of_seeds(by_seed)


def _of_deals(values_SF: Floats) -> tuple[float, float]:
    """Return the corrected resampled variance of the mean over several deals, and that times its squared quantile."""
    num_seeds, num_folds = values_SF.shape
    scores = FoldScores(means_J=values_SF.ravel(), deals=((num_folds, b""),) * num_seeds)
    return scores.variance, squared_quantile(scores.freedom, _ALPHA) * scores.variance


def _width_of_seeds(sample: Sample) -> float:
    if sample.num_seeds < 2:
        return 0.0
    return squared_quantile(sample.num_seeds - 1, _ALPHA) * sample.seed_variance


def _fold_means(values_N: Floats, folds_N: NDArray[np.integer]) -> Floats:
    _, place_N, counts = np.unique(folds_N, return_inverse=True, return_counts=True)
    means_F: Floats = np.bincount(place_N, weights=values_N) / counts
    return means_F
