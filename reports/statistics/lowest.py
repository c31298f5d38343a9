"""The lowest of several accuracies, such as that of the worst slice: an interval and tests that allow for which it is.

The lowest of several estimates is lower than the lowest truth, and not smooth: where slices are about equally hard, a
bootstrap of it nearly never covers the truth, and the plain interval of the lowest slice too rarely. What holds is an
intersection of the intervals of all slices (Berger, "Multiparameter hypothesis testing and acceptance sampling",
Technometrics 1982): the lowest lower end, since the truth of the lowest slice is above its own; and the lowest upper
end, with the level shared by all slices, since the truth is below each slice's.

The tests are of the same kind. If the lowest truth of row A is not above that of row B, then A has a slice, its lowest,
that is above none of B's. So A is above B if each of its slices is above some slice of B. For one slice of A, half of
the level goes to the same slice of B, which is paired on its images, and half is shared by all others.

Shape suffixes: M rows, P pairs of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reports.statistics.intervals import Interval, mean_interval
from reports.statistics.multiplicity import ALPHA, CONFIDENCE, holm
from reports.statistics.paired_tests import Pairing, Pairs
from reports.statistics.ranks import closed
from reports.statistics.sample import Sample
from reports.statistics.student_t import p_values_of

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

_BLOCK = 256  # rows whose pairs are tested at once, so that they fit in memory


def lowest_interval(samples: Sequence[Sample]) -> Interval:
    """Return the interval of the lowest expected accuracy, which covers it in at least 95 % of cases.

    Args:
        samples: One for each slice, of which there is at least one.
    """
    lowest = min(samples, key=lambda sample: sample.mean)
    shared = (1 - CONFIDENCE) / len(samples)
    low = min(mean_interval(sample).low for sample in samples)
    high = min(mean_interval(sample, alpha=shared).high for sample in samples)
    return replace(mean_interval(lowest), low=low, high=max(high, lowest.mean))


def separated_by_lowest(rows: Sequence[Sequence[Sample]], *, alpha: float = ALPHA) -> NDArray[np.bool_]:
    """Return ``[M, M]``: whether each row's lowest expected accuracy is above each column's, with confidence for all.

    Args:
        rows: The samples of the slices of each row: for all rows the same slices of the same images, in one order.
        alpha: Level over all pairs together (:func:`reports.statistics.ranks.separated`).
    """
    above = np.zeros((len(rows), len(rows)), dtype=bool)
    if len(rows) < 2:
        return above
    blocks = list(_p_values(rows))
    first, second = (np.concatenate([getattr(pairs, name) for pairs, _, _ in blocks]) for name in _ENDS)
    up, down = (np.concatenate([block[place] for block in blocks]) for place in (1, 2))
    found = holm(np.minimum(up, down)) < alpha
    above[first[found & (up < down)], second[found & (up < down)]] = True
    above[second[found & (down < up)], first[found & (down < up)]] = True
    return closed(above, np.array([min(sample.mean for sample in row) for row in rows]))


_ENDS = ("first_P", "second_P")


def _p_values(rows: Sequence[Sequence[Sample]]) -> Iterator[tuple[Pairs, Floats, Floats]]:
    """Yield pairs of rows, and for each the p-values of "the first is above" and "the second is above".

    They are two-sided, so that both directions of a pair together keep the level.
    """
    num_slices = len(rows[0])
    columns = [[row[place] for row in rows] for place in range(num_slices)]
    pairings = [Pairing(samples) for samples in columns]
    slices = [_Slice(samples, pairing) for samples, pairing in zip(columns, pairings, strict=True)]
    for start in range(0, len(rows), _BLOCK):
        of_slices = [pairing.pairs(start, min(start + _BLOCK, len(rows))) for pairing in pairings]
        first, second = of_slices[0].first_P, of_slices[0].second_P
        up, down = np.zeros(len(first)), np.zeros(len(first))
        for slice_, pairs in zip(slices, of_slices, strict=True):
            others = [other for other in slices if other is not slice_]
            own, difference = pairs.p_values(), pairs.differences_P
            for so_far, won, upper, lower in (
                (up, difference > 0, first, second),
                (down, difference < 0, second, first),
            ):
                p_values = np.where(won, own, 1.0)
                if others:
                    across = np.min([_across(slice_, upper, other, lower) for other in others], axis=0)
                    p_values = np.minimum(2 * p_values, 2 * len(others) * across)
                np.maximum(so_far, np.minimum(p_values, 1.0), out=so_far)
        yield of_slices[0], up, down


class _Slice:
    """The accuracy of all rows on one slice, with the variances of images and seeds."""

    def __init__(self, samples: Sequence[Sample], pairing: Pairing) -> None:
        means_MN = np.stack([sample.image_means_N for sample in samples])
        num_images = means_MN.shape[1]
        deviations_MN = means_MN - means_MN.mean(axis=1, keepdims=True)
        square_M, fourth_M = (deviations_MN**2).sum(axis=1), (deviations_MN**4).sum(axis=1)
        most = max(num_images - 1, 1)
        # Few images that are wrong are few degrees of freedom, and none that is wrong is taken to be one.
        self.freedom_M = np.clip(
            np.divide(square_M**2, fourth_M, out=np.ones_like(square_M), where=fourth_M > 0), 1, most
        )
        self.variance_M = np.maximum(square_M / most, (1 - 1 / num_images) / num_images) / num_images
        self.means_M = pairing.means_M
        self.seeds_M = np.array([sample.num_seeds for sample in samples])
        self.of_seeds_M, self.seed_freedom_M, self.spread_M = np.array(pairing.seed_parts()).T


def _across(one: _Slice, upper: Places, other: _Slice, lower: Places) -> Floats:
    """Return the p-values of "a row is above another one", each on a slice of its own, so that no images are paired.

    Images that two slices share make the variance of the difference smaller than is assumed here.
    """
    difference = one.means_M[upper] - other.means_M[lower]
    images = _added(one.variance_M[upper], one.freedom_M[upper], other.variance_M[lower], other.freedom_M[lower])
    borrows_one = (one.seeds_M[upper] == 1) & (other.seeds_M[lower] > 1)
    borrows_other = (other.seeds_M[lower] == 1) & (one.seeds_M[upper] > 1)
    seeds = _added(
        np.where(borrows_one, other.spread_M[lower], one.of_seeds_M[upper]),
        np.where(borrows_one, other.seed_freedom_M[lower], one.seed_freedom_M[upper]),
        np.where(borrows_other, one.spread_M[upper], other.of_seeds_M[lower]),
        np.where(borrows_other, one.seed_freedom_M[upper], other.seed_freedom_M[lower]),
    )
    borrowed = borrows_one | borrows_other
    lent = np.maximum(one.seeds_M[upper], other.seeds_M[lower]) - 1.0
    seeds = (seeds[0], np.where(borrowed, np.maximum(lent, 1.0), seeds[1]))
    return np.where(difference > 0, p_values_of(difference**2, (images, seeds)), 1.0)


def _added(one: Floats, freedom: Floats, other: Floats, other_freedom: Floats) -> tuple[Floats, Floats]:
    """Return the sum of two variances, with Satterthwaite's degrees of freedom."""
    total = one + other
    below = one**2 / freedom + other**2 / other_freedom
    return total, np.floor(np.maximum(np.divide(total**2, below, out=np.ones_like(total), where=below > 0), 1.0))
