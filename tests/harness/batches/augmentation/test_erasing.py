"""Erasing: what is painted over is distributed as in the papers."""

from __future__ import annotations

import math

import numpy as np
import torch

from harness.batches.augmentation.erasing import random_cutout, random_erasing

from .sample_images import FILL_C, generator


def test_cutout_paints_one_square_around_a_uniform_centre():
    images_BCHW = torch.zeros(5000, 3, 8, 8, dtype=torch.uint8)
    result_BCHW = random_cutout(images_BCHW, generator(), side=0.25, fill_C=FILL_C)
    painted_BHW = (result_BCHW == FILL_C.view(3, 1, 1)).all(1)
    areas, counts = painted_BHW.flatten(1).sum(1).unique(return_counts=True)
    # A square of 2 on 8 pixels: cut at the top or left edge with probability 1/8 each.
    expected = {1: 1 / 64, 2: 14 / 64, 4: 49 / 64}
    assert areas.tolist() == [1, 2, 4]
    for area, count in zip(areas.tolist(), counts.tolist(), strict=True):
        share = expected[area]
        assert abs(count - 5000 * share) < 5 * math.sqrt(5000 * share * (1 - share))


def test_erased_rectangles_are_distributed_as_torchvisions_but_for_its_lopsided_ratio():
    from scipy.stats import ks_2samp
    from torchvision.transforms import RandomErasing

    images_BCHW = torch.zeros(4000, 3, 32, 32, dtype=torch.uint8)
    result_BCHW = random_erasing(images_BCHW, generator(), probability=1.0, fill_C=FILL_C)
    painted_BHW = (result_BCHW == FILL_C.view(3, 1, 1)).all(1)
    rows_BH, columns_BW = painted_BHW.any(2), painted_BHW.any(1)
    ours = np.stack([rows_BH.int().argmax(1), columns_BW.int().argmax(1), rows_BH.sum(1), columns_BW.sum(1)], axis=1)
    assert np.array_equal(ours[:, 2] * ours[:, 3], painted_BHW.flatten(1).sum(1).numpy())  # rectangles, no less
    torch.manual_seed(0)
    image = torch.zeros(3, 32, 32)
    theirs = np.array([RandomErasing.get_params(image, (0.02, 0.33), (0.3, 1 / 0.3), [0.0])[:4] for _ in range(4000)])
    for column in range(4):
        assert ks_2samp(ours[:, column], theirs[:, column]).pvalue > 1e-4


def test_the_share_of_erased_images_matches_the_probability():
    images_BCHW = torch.zeros(4000, 3, 8, 8, dtype=torch.uint8)
    result_BCHW = random_erasing(images_BCHW, generator(), probability=0.25, fill_C=FILL_C)
    erased = int(result_BCHW.flatten(1).any(1).sum())
    assert abs(erased - 1000) < 5 * math.sqrt(4000 * 0.25 * 0.75)
    assert result_BCHW.flatten(1).any(1).float().diff().abs().sum() > 1000  # each image for itself
