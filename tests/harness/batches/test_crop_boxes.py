"""Crop boxes are torchvision's, and depend on nothing but seed, epoch and position."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torchvision.transforms import RandomResizedCrop

from harness.batches.crop_boxes import CropDraws, crop_box, is_mirrored


def test_draws_depend_on_the_position_only():
    draws = CropDraws(7, 3)
    whole = draws.of(range(100))
    np.testing.assert_array_equal(draws.of([42]), whole[42:43])
    np.testing.assert_array_equal(draws.of([90, 3, 50]), whole[[90, 3, 50]])
    assert draws.of([]).shape == (0, whole.shape[1])
    assert len(np.unique(whole)) == whole.size


def test_another_seed_or_epoch_draws_anew():
    found = [CropDraws(seed, epoch).of(range(50)) for seed, epoch in ((0, 1), (0, 2), (1, 1))]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(found[first].ravel(), found[second].ravel())[0, 1]) < 0.1
    assert 0.45 < found[0].mean() < 0.55


@pytest.mark.parametrize(
    ("height", "width"), [(375, 500), (500, 375), (100, 100), (30, 900), (900, 30), (1, 1), (3, 2)]
)
def test_boxes_lie_inside_and_have_the_areas_and_ratios_asked_for(height, width):
    for drawn in CropDraws(0, 1).of(range(300)).tolist():
        top, left, box_height, box_width = crop_box(drawn, height, width, smallest_area=0.2)
        assert 0 <= top <= height - box_height
        assert 0 <= left <= width - box_width
        assert box_height >= 1
        assert box_width >= 1
        if min(height, width) >= 100:
            assert 3 / 4 - 0.03 <= box_width / box_height <= 4 / 3 + 0.03
            assert box_height * box_width >= 0.19 * height * width


def test_a_strip_that_no_box_fits_gives_its_centre():
    (drawn,) = CropDraws(0, 1).of([0]).tolist()
    assert crop_box(drawn, 30, 900, smallest_area=0.5) == (0, 430, 30, 40)
    assert crop_box(drawn, 900, 30, smallest_area=0.5) == (430, 0, 40, 30)


def test_boxes_are_distributed_like_torchvisions():
    torch.manual_seed(0)
    image = torch.empty(3, 375, 500)
    reference = np.array([RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(4000)])
    drawn = CropDraws(0, 1).of(range(4000)).tolist()
    boxes = np.array([crop_box(each, 375, 500, smallest_area=0.08) for each in drawn])
    for column in range(4):
        a, b = np.sort(boxes[:, column]), np.sort(reference[:, column])
        spread = math.sqrt((a.var() + b.var()) / 2)
        assert abs(a.mean() - b.mean()) < 0.08 * spread  # four standard errors are 0.09
        assert np.abs(np.quantile(a, [0.1, 0.5, 0.9]) - np.quantile(b, [0.1, 0.5, 0.9])).max() < 0.15 * spread


def test_half_of_the_images_are_mirrored():
    mirrored = [is_mirrored(drawn) for drawn in CropDraws(0, 1).of(range(2000)).tolist()]
    assert 0.45 < np.mean(mirrored) < 0.55
