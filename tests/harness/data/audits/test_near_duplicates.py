"""Near duplicates: what counts as alike, and what does not."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from harness.data.audits.near_duplicates import grey_copies, near_pairs, perceptual_hashes


@pytest.fixture
def photograph() -> Image.Image:
    """Smooth random blobs in colour, 64 pixels wide."""
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((64, 64), Image.Resampling.BICUBIC)


def pairs_of(*pictures: Image.Image) -> list[tuple[int, int]]:
    return [(pair.first, pair.second) for pair in near_pairs(grey_copies(map(np.asarray, pictures)))]


def test_the_same_picture_at_another_size_or_brightness_is_found(photograph: Image.Image, tmp_path) -> None:
    other = Image.fromarray(np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((64, 64))
    file = tmp_path / "again.jpg"
    photograph.save(file, quality=40)
    brighter = ImageEnhance.Brightness(photograph).enhance(0.7)
    assert pairs_of(photograph, other, photograph.resize((48, 48))) == [(0, 2)]
    assert pairs_of(other, photograph, Image.open(file)) == [(1, 2)]
    assert pairs_of(photograph, brighter, other) == [(0, 1)]


def test_equal_pictures_come_first_with_a_correlation_of_1(photograph: Image.Image) -> None:
    found = near_pairs(grey_copies(map(np.asarray, [photograph, photograph.resize((20, 20)), photograph])))
    assert (found[0].first, found[0].second) == (0, 2)
    assert found[0].correlation == pytest.approx(1)
    assert [pair.correlation for pair in found] == sorted((pair.correlation for pair in found), reverse=True)


def test_different_pictures_and_flat_ones_are_no_pairs() -> None:
    rng = np.random.default_rng(2)
    blobs = [
        Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((32, 32), Image.Resampling.BICUBIC)
        for _ in range(200)
    ]
    assert pairs_of(*blobs) == []
    flat = [Image.new("RGB", (32, 32), (tone, tone, tone)) for tone in (10, 11, 200)]
    assert pairs_of(*flat) == []
    assert near_pairs(grey_copies([])) == []


def test_pairs_across_blocks_are_found(photograph: Image.Image) -> None:
    rng = np.random.default_rng(3)
    blobs = [
        Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((32, 32), Image.Resampling.BICUBIC)
        for _ in range(300)
    ]
    blobs[5], blobs[290] = photograph, photograph.resize((40, 40))
    assert pairs_of(*blobs) == [(5, 290)]


def test_a_hash_has_the_signs_of_low_frequencies() -> None:
    rows = np.cos(np.pi * (np.arange(16) + 0.5) / 16)  # the first frequency along the rows, and nothing else
    (found,) = perceptual_hashes((100 * rows[None, :, None] + np.zeros((1, 16, 16))).astype(np.float32))
    # Frequency (1, 0) is the eighth of all, the seventh without the mean.
    assert (int(found) >> 7) & 1 == 1
