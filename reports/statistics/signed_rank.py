"""Wilcoxon's signed-rank test over datasets: does one row tend to beat another?

Each dataset gives one difference. The test ranks their sizes and asks whether signs could be chance (Wilcoxon,
"Individual comparisons by ranking methods", Biometrics Bulletin 1945; recommended for classifiers over datasets by
Demšar, JMLR 2006). A pair is compared by itself, so its result does not depend on which other rows take part, as that
of mean ranks does (Benavoli, Corani and Mangili, "Should we really use post-hoc tests based on mean-ranks?", 2016).

Shape suffixes: D datasets, M rows.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from reports.statistics.multiplicity import ALPHA, holm

_MOST_EXACT = 50  # differences; beyond, the normal approximation is as good

Floats = NDArray[np.float64]


def signed_rank_p_value(differences_D: Floats) -> float:
    """Return the two-sided p-value of "the differences are symmetric around 0".

    It is exact for up to 50 datasets, given the sizes of the differences, of which equal ones share the mean of their
    ranks. Differences of 0 say nothing about a direction and are left out, as Wilcoxon did.
    """
    sizes = np.abs(differences_D[differences_D != 0])
    if not len(sizes):
        return 1.0
    ordered = np.sort(sizes)
    # Twice the rank, a whole number for ties too.
    doubled = ordered.searchsorted(sizes, "left") + 1 + ordered.searchsorted(sizes, "right")
    above = int(doubled[differences_D[differences_D != 0] > 0].sum())
    total = int(doubled.sum())
    extreme = min(above, total - above)
    if len(sizes) > _MOST_EXACT:
        from scipy.special import ndtr

        spread = float((doubled.astype(np.float64) ** 2).sum()) ** 0.5 / 2
        return min(1.0, 2 * float(ndtr((extreme + 1 - total / 2) / spread)))
    return min(1.0, 2 * float(_cumulative(tuple(sorted(doubled.tolist())))[extreme]))


@lru_cache(maxsize=4096)
def _cumulative(doubled: tuple[int, ...]) -> Floats:
    """Return the probability of each sum of doubled ranks or a smaller one, if each sign is chance."""
    chances = np.zeros(sum(doubled) + 1)
    chances[0] = 1.0
    for rank in doubled:
        moved = np.zeros_like(chances)
        moved[rank:] = chances[: len(chances) - rank]
        chances = (chances + moved) / 2
    return np.cumsum(chances)


def separated_over_data(values_DM: Floats, *, alpha: float = ALPHA) -> NDArray[np.bool_]:
    """Return ``[M, M]``: whether each row beats each column over datasets like these, with 95 % confidence for all.

    All pairs are tested, adjusted by Holm's method.

    Args:
        values_DM: Value of each row on each dataset, higher being better.
        alpha: Level over all pairs together.
    """
    num_rows = values_DM.shape[1]
    above = np.zeros((num_rows, num_rows), dtype=bool)
    first, second = np.triu_indices(num_rows, 1)
    if 2.0 ** (1 - len(values_DM)) * max(len(first), 1) >= alpha:  # the smallest possible p-value does not suffice
        return above
    differences_DP = values_DM[:, first] - values_DM[:, second]
    p_values = np.array([signed_rank_p_value(differences_D) for differences_D in differences_DP.T])
    found = holm(p_values) < alpha
    first_wins = signed_rank_sums(differences_DP[:, found]) > 0
    above[np.where(first_wins, first[found], second[found]), np.where(first_wins, second[found], first[found])] = True
    return above


def datasets_needed(num_rows: int, *, alpha: float = ALPHA) -> int:
    """Return the number of datasets below which no two of *num_rows* rows can be separated, whatever their values."""
    pairs, needed = num_rows * (num_rows - 1) // 2, 1
    while 2.0 ** (1 - needed) * pairs >= alpha:
        needed += 1
    return needed


def signed_rank_sums(differences_DP: Floats) -> Floats:
    """Return for each pair the sum of the ranks of positive differences minus that of negative ones."""
    sums = []
    for differences_D in differences_DP.T:
        sizes = np.abs(differences_D)
        ordered = np.sort(sizes)
        ranks = (ordered.searchsorted(sizes, "left") + 1 + ordered.searchsorted(sizes, "right")) / 2
        sums.append(float(np.sign(differences_D) @ ranks))
    return np.array(sums)
