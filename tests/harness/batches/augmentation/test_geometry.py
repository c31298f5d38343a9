"""Geometry: shifts, flips and crops are torchvision's for each image, and drawn for each on its own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as reference

from harness.batches.augmentation.geometry import (
    draw_boxes,
    random_resized_crop,
    random_shift_and_flip,
    resized_crop,
    shift_and_flip,
)

from .sample_images import generator, some_images


@pytest.mark.parametrize(("height", "width"), [(16, 16), (9, 14), (2, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_shift_and_flip_is_pad_crop_and_flip_of_each_image(channels, height, width):
    images_BCHW = some_images(40, channels, height, width)
    reach = min(4, height - 1, width - 1)
    shift_y_B, shift_x_B = torch.randint(-reach, reach + 1, (2, 40), generator=generator())
    flip_B = torch.rand(40, generator=generator()) < 0.5
    result_BCHW = shift_and_flip(images_BCHW, shift_y_B, shift_x_B, flip_B)
    for index in range(40):
        padded = np.pad(images_BCHW[index].numpy(), ((0, 0), (reach, reach), (reach, reach)), mode="reflect")
        top, left = reach + int(shift_y_B[index]), reach + int(shift_x_B[index])
        expected = padded[:, top : top + height, left : left + width]
        if flip_B[index]:
            expected = expected[:, :, ::-1]
        assert np.array_equal(result_BCHW[index].numpy(), expected)
    assert result_BCHW.dtype == torch.uint8


def test_every_offset_and_flip_is_equally_likely_and_each_image_has_its_own():
    # Each pixel's value is its place, so that the corner tells offset and flip.
    images_BCHW = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8).expand(20_000, 1, 8, 8)
    result_BCHW = random_shift_and_flip(images_BCHW, generator(), padding=0.25, flip=True)
    inner = result_BCHW[:, 0, 3:5, 3:5].long()
    flipped_B = inner[:, 0, 0] > inner[:, 0, 1]
    left_B = torch.where(flipped_B, inner[:, 0, 1], inner[:, 0, 0])
    offset_B = (left_B // 8) * 5 + left_B % 8 - (3 - 2) * 5 - (3 - 2)
    counts = torch.bincount(offset_B * 2 + flipped_B, minlength=50).double()
    # 5 x 5 offsets x 2; 400 each with a standard deviation of 20.
    assert len(counts) == 50
    assert float((counts - 400).abs().max()) < 5 * 20
    # Neighbours in the batch are independent.
    assert abs(np.corrcoef(offset_B[:-1], offset_B[1:])[0, 1]) < 5 / math.sqrt(20_000)
    assert abs(np.corrcoef(flipped_B[:-1], flipped_B[1:])[0, 1]) < 5 / math.sqrt(20_000)


def test_flip_without_padding_flips_half_and_nothing_else():
    images_BCHW = some_images(1000, 3, 4, 4)
    result_BCHW = random_shift_and_flip(images_BCHW, generator(), padding=0.0, flip=True)
    flipped_B = (result_BCHW == images_BCHW.flip(3)).flatten(1).all(1)
    kept_B = (result_BCHW == images_BCHW).flatten(1).all(1)
    assert bool((flipped_B ^ kept_B).all())
    assert abs(int(flipped_B.sum()) - 500) < 5 * math.sqrt(250)


def test_a_resized_crop_is_torchvisions():
    images_BCHW = some_images(6, 3, 20, 20)
    boxes = [(0, 0, 20, 20), (3, 5, 10, 10), (10, 0, 10, 5), (1, 2, 7, 18), (19, 19, 1, 1), (4, 4, 13, 11)]
    result_BCHW = resized_crop(images_BCHW, torch.tensor(boxes))
    for image, box, result in zip(images_BCHW, boxes, result_BCHW, strict=True):
        top, left, height, width = box
        # torchvision cuts before it stretches, so at the box's edge it cannot see one pixel further: compare inside.
        expected = reference.resized_crop(image, top, left, height, width, [20, 20], antialias=False)
        inner = slice(math.ceil(10 / min(height, width)), 20 - math.ceil(10 / min(height, width)))
        difference = (result.int() - expected.int())[:, inner, inner].abs()
        assert difference.numel() == 0 or int(difference.max()) <= 1


def test_boxes_are_distributed_as_torchvisions():
    from torchvision.transforms import RandomResizedCrop

    boxes = draw_boxes(4000, 32, 32, generator(), smallest_area=0.2).numpy()
    torch.manual_seed(0)
    image = torch.zeros(3, 32, 32)
    theirs = np.array([RandomResizedCrop.get_params(image, [0.2, 1.0], [3 / 4, 4 / 3]) for _ in range(4000)])
    from scipy.stats import ks_2samp

    for column in range(4):
        assert ks_2samp(boxes[:, column], theirs[:, column]).pvalue > 1e-4
    assert (boxes[:, 0] + boxes[:, 2]).max() <= 32
    assert (boxes[:, 1] + boxes[:, 3]).max() <= 32


def test_a_random_resized_crop_of_the_whole_image_is_the_image():
    images_BCHW = some_images()
    square = random_resized_crop(images_BCHW, generator(), smallest_area=0.999999)
    kept_B = (square == images_BCHW).flatten(1).all(1)
    assert bool(kept_B.any())
