"""Optimism: how much better the best of several rows looks than it is, because it was chosen on the test images.

The best of many noisy means is the best partly by luck. How much is estimated by repeating the choice on resampled test
images and seeds, as Tibshirani and Tibshirani do for cross-validation ("A bias correction for the minimum error rate in
cross-validation", Annals of Applied Statistics 2009), around means from which the noise in their spread was removed by
shrinking them towards each other (Efron and Morris, "Stein's estimation rule and its competitors", JASA 1973): the
observed means differ more than the true ones do.

Shape suffixes: M rows, N test images, R resamples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reports.statistics.sample import Sample

NUM_RESAMPLES = 400


def selection_optimism(samples: Sequence[Sample]) -> float:
    """Return by how much the mean of the best row is expected to exceed its true value; 0 for a single row.

    The same samples give the same number.

    Args:
        samples: Rows tested on the same images, in the same order.
    """
    if len(samples) < 2:
        return 0.0
    values_MN = np.stack([sample.image_means_N for sample in samples])
    num_rows, num_images = values_MN.shape
    # Without the residual, which is in the resampled images already; over all rows, because few seeds tell little.
    of_seeds = max(
        0.0,
        float(
            np.mean([each.seed_spread - each.residual_variance / num_images for each in samples])
            / np.mean([each.num_seeds for each in samples])
        ),
    )
    means_M = values_MN.mean(axis=1)
    if num_images < 2:
        return 0.0
    # Images that are hard for all rows shift all means alike and choose none, so their share of the noise is left out.
    apart_MN = (values_MN - values_MN.mean(axis=0)).astype(np.float32)
    noise = float(apart_MN.var(axis=1, ddof=1).mean()) / num_images * num_rows / (num_rows - 1) + of_seeds
    spread = float(means_M.var(ddof=1))
    kept = max(0.0, 1 - noise / spread) if spread > 0 else 0.0
    center_M1 = (means_M.mean() + kept * (means_M - means_M.mean()))[:, None]
    rng = np.random.default_rng(0)
    weights_RN = rng.multinomial(num_images, np.full(num_images, 1 / num_images), size=NUM_RESAMPLES)
    moved_MR = (apart_MN @ (weights_RN / num_images - 1 / num_images).astype(np.float32).T).astype(np.float64)
    moved_MR += rng.normal(size=moved_MR.shape) * of_seeds**0.5
    best_R = (center_M1 + moved_MR).argmax(axis=0)
    return max(0.0, float(moved_MR[best_R, np.arange(NUM_RESAMPLES)].mean()))
