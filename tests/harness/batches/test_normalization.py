"""Normalisation: (pixel / 255 - mean) / std in every memory layout."""

from __future__ import annotations

import pytest
import torch

from harness.batches.normalization import Normalization, Normalizer

CPU = torch.device("cpu")
STATISTICS = Normalization(mean=(0.2, 0.5, 0.7), std=(0.1, 0.25, 0.3))


def images(layout: torch.memory_format) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    images_BCHW = torch.randint(0, 256, (4, 3, 5, 7), dtype=torch.uint8, generator=generator)
    return images_BCHW.contiguous(memory_format=layout)


@pytest.mark.parametrize("given", [torch.channels_last, torch.contiguous_format], ids=str)
@pytest.mark.parametrize("channels_last", [True, False])
def test_pixels_are_scaled_shifted_and_laid_out_as_asked(given, channels_last):
    images_BCHW = images(given)
    result = Normalizer(STATISTICS, CPU, channels_last=channels_last)(images_BCHW)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (STATISTICS.mean, STATISTICS.std))
    torch.testing.assert_close(result, (images_BCHW / 255 - mean) / std, rtol=1e-5, atol=1e-5)
    assert result.dtype == torch.float32
    assert result.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def test_images_of_another_width_get_constants_of_their_own():
    normalize = Normalizer(STATISTICS, CPU, channels_last=True)
    wide_BCHW = images(torch.channels_last)
    narrow_BCHW = wide_BCHW[..., :3].contiguous(memory_format=torch.channels_last)
    whole = normalize(wide_BCHW)
    assert torch.equal(normalize(narrow_BCHW), whole[..., :3])


def test_a_constant_channel_stays_finite():
    normalize = Normalizer(Normalization(mean=(1.0,), std=(0.0,)), CPU)
    result = normalize(torch.full((1, 1, 2, 2), 255, dtype=torch.uint8))
    assert float(result.abs().max()) < 0.1  # but for float32's rounding, 0


def test_the_wrong_number_of_channels_is_refused():
    with pytest.raises(ValueError, match="images have 1 channels, the statistics 3"):
        Normalizer(STATISTICS, CPU)(torch.zeros(1, 1, 2, 2, dtype=torch.uint8))


@pytest.mark.parametrize("side", [95, 96, 160])
def test_large_images_are_normalised_to_the_same_bits_as_small_ones(side):
    generator = torch.Generator().manual_seed(0)
    pixels_BHWC = torch.randint(0, 256, (3, side, side, 3), dtype=torch.uint8, generator=generator)
    normalize = Normalizer(STATISTICS, CPU, channels_last=True)
    whole = normalize(pixels_BHWC.permute(0, 3, 1, 2))
    rows = [
        normalize(pixels_BHWC[:, row : row + 5].permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last))
        for row in range(0, side, 5)
    ]
    assert torch.equal(torch.cat(rows, dim=2), whole)
