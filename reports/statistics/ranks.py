"""Ranks: which rows are separated from which, and the range of ranks that follows for each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from reports.statistics.multiplicity import ALPHA, holm_level
from reports.statistics.paired_tests import Pairing, Significance
from reports.statistics.sample import Sample

_BLOCK = 256  # rows whose pairs are tested at once, so that they fit in memory


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
    pairing = Pairing(samples)
    total, num_sure = pairing.num_pairs, 0
    means = np.array([sample.mean for sample in samples])
    open_: list[tuple[Significance, NDArray[np.int32], NDArray[np.int32]]] = []
    for start in range(0, num_rows, _BLOCK):
        pairs = pairing.pairs(start, min(start + _BLOCK, num_rows))
        first_wins = means[pairs.first_P] > means[pairs.second_P]
        better = np.where(first_wins, pairs.first_P, pairs.second_P).astype(np.int32)
        worse = np.where(first_wins, pairs.second_P, pairs.first_P).astype(np.int32)
        # Holm's method rejects everything below its first level, and nothing above its last.
        tests = pairs.significance()
        surely, possible = tests.below(alpha / total), tests.below(alpha)
        above[better[surely], worse[surely]] = True
        num_sure += int(surely.sum())
        possible &= ~surely
        open_.append((tests.of(possible), better[possible], worse[possible]))

    def num_below(level: float) -> int:
        nonlocal num_sure
        for place, (tests, better, worse) in enumerate(open_):
            found = tests.below(level)
            above[better[found], worse[found]] = True
            num_sure += int(found.sum())
            open_[place] = (tests.of(~found), better[~found], worse[~found])
        return num_sure

    holm_level(num_below, alpha, total=total)
    return closed(above, means)


def closed(above: NDArray[np.bool_], means: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return *above* with what follows by transitivity: if A is above B and B above C, then A is above C.

    Args:
        above: Whether each row is above each column.
        means: Values by which a row that is above another one is higher.
    """
    packed = np.packbits(above, axis=1)  # an eighth of the memory to go through
    # From the lowest mean up, so that the rows below a row are complete before they are passed on.
    for row in np.argsort(means, kind="stable"):
        beaten = np.flatnonzero(above[row])
        if len(beaten):
            packed[row] |= np.bitwise_or.reduce(packed[beaten], axis=0)
    closed: NDArray[np.bool_] = np.unpackbits(packed, axis=1, count=len(above)).astype(bool)
    return closed


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
