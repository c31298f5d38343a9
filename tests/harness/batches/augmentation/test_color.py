"""Colour: changes of colour are torchvision's for each image, and drawn for each on its own."""

from __future__ import annotations

import math

import pytest
import torch
import torchvision.transforms.functional as reference

from harness.batches.augmentation.color import brightness, contrast, hue, random_color, saturation

from .sample_images import generator, some_images


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (brightness, reference.adjust_brightness),
        (contrast, reference.adjust_contrast),
        (saturation, reference.adjust_saturation),
    ],
    ids=["brightness", "contrast", "saturation"],
)
def test_colour_changes_are_torchvisions(ours, theirs):
    images_BCHW = some_images(8)
    factor_B = torch.linspace(0, 2, 8)
    result_BCHW = ours(images_BCHW.float(), factor_B)
    for image, factor, result in zip(images_BCHW, factor_B, result_BCHW, strict=True):
        expected = theirs(image, float(factor)).float()
        assert float((result - expected).abs().max()) <= 2  # theirs rounds down, twice


def test_colour_factors_are_uniform_and_each_image_has_its_own():
    images_BCHW = torch.full((4000, 1, 1, 1), 100.0)
    factors = random_color(images_BCHW, generator(), strength=0.4).flatten() / 100
    # Contrast and saturation leave an even grey image as it is: what is seen is brightness.
    assert float(factors.min()) >= 0.6 - 1e-4
    assert float(factors.max()) <= 1.4 + 1e-4
    assert abs(float(factors.mean()) - 1) < 5 * 0.8 / math.sqrt(12 * 4000)
    assert len(factors.unique()) > 3900


def test_hues_turn_as_torchvisions():
    images_BCHW = some_images(9)
    turn_B = torch.linspace(-0.5, 0.5, 9)
    result_BCHW = hue(images_BCHW.float(), turn_B)
    for image, turn, result in zip(images_BCHW, turn_B, result_BCHW, strict=True):
        expected = reference.adjust_hue(image.float() / 255, float(turn)) * 255
        torch.testing.assert_close(result, expected, rtol=0, atol=0.01)
    grey_BCHW = some_images(9, channels=1).float()
    assert torch.equal(hue(grey_BCHW, turn_B), grey_BCHW)
