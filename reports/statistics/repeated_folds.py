"""Repeated folds: the variance of a mean over several deals of cross-validation folds.

The networks of all folds are trained on images of one set, so their scores are not independent, and the variance of a
mean over J of them is larger than S² / J. The corrected resampled variance is

    Var(mean) = (1 / J + n_test / n_train) S²,

with J - 1 degrees of freedom (Nadeau and Bengio, "Inference for the generalization error", Machine Learning 2003; for
repeated folds, Bouckaert and Frank, PAKDD 2004). It covers what another training set of the same kind would change, as
far as an estimate from one set can (Bengio and Grandvalet, JMLR 2004).

Shape suffixes: S seeds, each with a deal of its own, N images, J folds of all deals.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FoldScores:
    """The score of each fold of each deal."""

    means_J: Floats
    deals: tuple[tuple[int, bytes], ...]
    """Number of folds of each deal, and a digest of which image is in which: equal deals can be paired."""

    @classmethod
    def of(cls, values_SN: Floats, folds_SN: NDArray[np.integer]) -> FoldScores | None:
        """Return the mean of *values_SN* in each fold, given the fold of each image; None for fewer than two deals."""
        if len(values_SN) < 2:
            return None
        means: list[Floats] = []
        deals: list[tuple[int, bytes]] = []
        for values_N, folds_N in zip(values_SN, folds_SN, strict=True):
            _, place_N, counts = np.unique(folds_N, return_inverse=True, return_counts=True)
            means.append(np.bincount(place_N, weights=values_N) / counts)
            deals.append((len(counts), hashlib.sha256(place_N.astype("<i4").tobytes()).digest()))
        if min(count for count, _ in deals) < 2 or len({digest for _, digest in deals}) < len(deals):
            return None  # one deal for all seeds, whose networks are tested on the same images again
        return cls(means_J=np.concatenate(means), deals=tuple(deals))

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the variance."""
        return len(self.means_J) - 1.0

    def factor(self, *, num_deals: int | None = None) -> float:
        """Return what the variance between folds is multiplied by, 1 / J + n_test / n_train.

        Args:
            num_deals: Pretend that there are this many deals.
        """
        per_deal = len(self.means_J) / len(self.deals)
        return 1 / (per_deal * (num_deals or len(self.deals))) + 1 / (per_deal - 1)

    @property
    def variance(self) -> float:
        """Corrected resampled variance of the mean."""
        return self.factor() * float(self.means_J.var(ddof=1))
