"""Front chances: how likely each row is on the Pareto front of accuracy and cost, given the noise of both.

A front of means has no noise. Here means are drawn again over test images, the same for all rows, and over seeds, and
measured costs over their own spread; a row's chance is the share of draws in which no other row is at least as good in
both and better in one.

Shape suffixes: M rows, R draws.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reports.statistics.sample import Sample

NUM_DRAWS = 200

Floats = NDArray[np.float64]


def drawn_means(samples: Sequence[Sample]) -> Floats:
    """Return ``[M, R]``: means of rows over resampled test images and seeds; the same samples give the same numbers.

    Args:
        samples: Rows tested on the same images, in the same order.
    """
    values_MN = np.stack([sample.image_means_N for sample in samples]).astype(np.float32)
    num_images = values_MN.shape[1]
    rng = np.random.default_rng(0)
    weights_RN = rng.multinomial(num_images, np.full(num_images, 1 / num_images), size=NUM_DRAWS)
    means_MR = (values_MN @ (weights_RN / num_images).astype(np.float32).T).astype(np.float64)
    # Beside the residual, which is in the resampled images already.
    seeds_M = [each.seed_spread - each.residual_variance / num_images for each in samples]
    spread_M = np.maximum(np.array(seeds_M) / np.array([each.num_seeds for each in samples]), 0.0) ** 0.5
    drawn: Floats = means_MR + spread_M[:, None] * rng.normal(size=means_MR.shape)
    return drawn


def front_chances(means_MR: Floats, costs_M: Floats, spreads_M: Floats) -> Floats:
    """Return ``[M]``: the share of draws in which each row is on the front.

    Args:
        means_MR: Accuracy of each row in each draw, as :func:`drawn_means` returns it.
        costs_M: Costs, lower being better.
        spreads_M: Standard deviation of each cost; 0 if it is exact.
    """
    on_front_M = np.zeros(len(means_MR))
    if spreads_M.any():
        rng = np.random.default_rng(1)
        for means_M in means_MR.T:
            drawn_M = costs_M + spreads_M * rng.normal(size=len(costs_M))
            order = np.argsort(drawn_M)
            on_front_M[order] += _on_front(means_M[order, None], drawn_M[order])[:, 0]
    else:
        order = np.argsort(costs_M)
        on_front_M[order] = _on_front(means_MR[order], costs_M[order]).sum(axis=1)
    chances: Floats = on_front_M / means_MR.shape[1]
    return chances


def _on_front(means_MR: Floats, costs_M: Floats) -> NDArray[np.bool_]:
    """Return ``[M, R]``: of rows in the order of their cost, which are on the front in each draw.

    Of rows of one cost, these are the ones with the highest mean, if that is above all cheaper ones.
    """
    is_dearer_M = np.diff(costs_M, prepend=-np.inf) > 0
    group_M = np.cumsum(is_dearer_M) - 1
    highest_GR = np.maximum.reduceat(means_MR, np.flatnonzero(is_dearer_M), axis=0)
    cheaper_GR = np.full_like(highest_GR, -np.inf)
    np.maximum.accumulate(highest_GR[:-1], axis=0, out=cheaper_GR[1:])
    on_front: NDArray[np.bool_] = means_MR == np.where(highest_GR > cheaper_GR, highest_GR, np.inf)[group_M]
    return on_front
