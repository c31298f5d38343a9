"""Storage: what Pillow gives, to the byte."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from harness.data.corruptions.corruption import CORRUPTIONS, corrupt


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (1, 40, 40, 3), dtype=np.uint8)


def test_jpeg_compression_is_that_of_pillow(image) -> None:
    file = io.BytesIO()
    Image.fromarray(image[0]).save(file, "JPEG", quality=50)
    found = corrupt(image, np.array([1], dtype=np.uint64), CORRUPTIONS["jpeg_compression"], 4)
    assert np.array_equal(found[0], np.asarray(Image.open(file)))


def test_pixels_become_as_coarse_as_the_share_says(image) -> None:
    found = corrupt(image, np.array([1], dtype=np.uint64), CORRUPTIONS["pixelate"], 5)
    small = Image.fromarray(image[0]).resize((26, 26), Image.Resampling.BOX)
    assert np.array_equal(found[0], np.asarray(small.resize((40, 40), Image.Resampling.BOX)))
    tone = np.full((1, 40, 40, 3), 77, dtype=np.uint8)
    assert np.array_equal(corrupt(tone, np.array([1], dtype=np.uint64), CORRUPTIONS["pixelate"], 5), tone)
