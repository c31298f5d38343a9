"""Pixels: one scale whatever type the images have."""

from __future__ import annotations

import pytest
import torch

from harness.batches.augmentation.pixels import from_pixels, to_pixels


def test_every_uint8_value_comes_back_from_the_scale_of_pixels():
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    pixels = to_pixels(values)
    assert pixels.dtype == torch.float32
    assert (float(pixels.min()), float(pixels.max())) == (0, 255)
    assert torch.equal(from_pixels(pixels, torch.uint8), values)


def test_floats_in_0_to_1_are_the_same_pixels():
    floats = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3)
    assert to_pixels(floats).flatten().tolist() == [0, 127.5, 255]
    torch.testing.assert_close(from_pixels(to_pixels(floats), torch.float32), floats)


@pytest.mark.parametrize(("dtype", "expected"), [(torch.uint8, [0, 128, 255]), (torch.float32, [0, 127.6 / 255, 1])])
def test_values_are_rounded_for_bytes_only_and_cut_off_at_both_ends(dtype, expected):
    result = from_pixels(torch.tensor([-3.0, 127.6, 300.0]).view(1, 1, 1, 3), dtype)
    assert result.dtype == dtype
    assert result.flatten().tolist() == pytest.approx(expected)
