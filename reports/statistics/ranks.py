"""Ranks: which rows are separated from which, and the range of ranks that follows for each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from reports.statistics.multiplicity import ALPHA, holm
from reports.statistics.paired_tests import pair_rows
from reports.statistics.sample import Sample


def separated(samples: Sequence[Sample], *, alpha: float = ALPHA) -> NDArray[np.bool_]:
    """Return ``[M, M]``: whether each row's expected accuracy is above each column's, with 95 % confidence for all.

    Pairs are adjusted by Holm's method, and the result is closed under transitivity: if A is above B and B above C,
    then A is above C.

    Args:
        samples: Rows tested on the same images, in the same order.
        alpha: Level over all pairs together; below 5 % if this is one of several looks
            (:func:`reports.statistics.multiplicity.alpha_of_look`).
    """
    num_rows = len(samples)
    above = np.zeros((num_rows, num_rows), dtype=bool)
    if num_rows < 2:
        return above
    pairs = pair_rows(samples)
    total = len(pairs.differences_P)
    # Holm's method rejects everything below its first level, and nothing above its last.
    p_values = pairs.p_values(between=(alpha / total, alpha))
    surely = np.flatnonzero(p_values == 0)
    small = np.flatnonzero((p_values > 0) & (p_values < alpha))
    found = np.concatenate([surely, small[holm(p_values[small], total=total - len(surely)) < alpha]])
    first, second = pairs.first_P[found], pairs.second_P[found]
    means = np.array([sample.mean for sample in samples])
    first_wins = means[first] > means[second]
    above[np.where(first_wins, first, second), np.where(first_wins, second, first)] = True
    # From the lowest mean up, so that the rows below a row are complete before they are passed on.
    for row in np.argsort(means, kind="stable"):
        beaten = np.flatnonzero(above[row])
        if len(beaten):
            above[row] |= above[beaten].any(axis=0)
    return above


def rank_ranges(above: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return each row's best and worst possible rank, given which rows are above which.

    All ranges hold at once with 95 % confidence (Mogstad, Romano, Shaikh and Wilhelm, "Inference for ranks", 2024).
    """
    num_rows = len(above)
    best = 1 + above.sum(axis=0)
    worst = num_rows - above.sum(axis=1)
    return [(int(low), int(high)) for low, high in zip(best, worst, strict=True)]


def tie_numbers(ranges: Sequence[tuple[int, int]]) -> list[int]:
    """Return the number of the tie that each row belongs to, from 1.

    A tie ends where each row above is separated from each row below: chains of overlapping ranges are one tie.

    Args:
        ranges: Best and worst possible ranks, from the highest mean down.
    """
    worst_above = accumulate((high for _, high in ranges), max)
    best_below = list(accumulate((low for low, _ in reversed(ranges)), min))[::-1]
    ends = [worst < best for worst, best in zip(worst_above, best_below[1:], strict=False)]
    return list(accumulate(ends, initial=1)) if ranges else []
