"""Packed images: any shapes in one file, in order, read without copying, whatever the number of threads."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.image_files.opening import UnreadableImageError
from harness.data.photographs.packed import PackedImages, write_packed
from harness.data.photographs.whole import decode_whole


def photo(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(20, 90)), int(rng.integers(20, 90)), 3)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(buffer, "JPEG" if seed % 3 else "PNG")
    return buffer.getvalue()


PHOTOS = [photo(seed) for seed in range(41)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("num_workers", [1, 4])
def test_each_image_is_what_decoding_it_gives(tmp_path: Path, channels: int, num_workers: int):
    num_bytes = write_packed(tmp_path, "train", iter(PHOTOS), channels=channels, rung=48, num_workers=num_workers)
    packed = PackedImages(tmp_path, "train", channels=channels)
    assert len(packed) == len(PHOTOS)
    assert num_bytes == (tmp_path / "train-whole.bin").stat().st_size
    for index, content in enumerate(PHOTOS):
        np.testing.assert_array_equal(packed[index], decode_whole(content, channels=channels, rung=48))


def test_pixels_are_packed_too(tmp_path: Path):
    images_NHWC = np.arange(5 * 4 * 6 * 3, dtype=np.uint8).reshape(5, 4, 6, 3)
    write_packed(tmp_path, "val", images_NHWC, channels=3, rung=32)
    packed = PackedImages(tmp_path, "val", channels=3)
    np.testing.assert_array_equal(np.stack([packed[index] for index in range(5)]), images_NHWC)


def test_reading_copies_nothing_and_leaves_the_file_alone(tmp_path: Path):
    write_packed(tmp_path, "train", PHOTOS[:3], channels=3, rung=48)
    before = (tmp_path / "train-whole.bin").read_bytes()
    packed = PackedImages(tmp_path, "train", channels=3)
    image = packed[1]
    assert image.base is not None
    assert np.shares_memory(image, packed[1])
    image[:] = 0
    assert (tmp_path / "train-whole.bin").read_bytes() == before


def test_an_empty_split_can_be_read(tmp_path: Path):
    assert write_packed(tmp_path, "val", [], channels=3, rung=32) == 0
    assert len(PackedImages(tmp_path, "val", channels=3)) == 0


def test_progress_counts_images_and_a_broken_one_is_an_error(tmp_path: Path):
    counts: list[int] = []
    write_packed(tmp_path, "train", PHOTOS, channels=3, rung=48, report=counts.append)
    assert counts == [16, 32]
    with pytest.raises(UnreadableImageError):
        write_packed(tmp_path, "train", [PHOTOS[0], b"no image"], channels=3, rung=48)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_instead_of_the_file_is_an_error_and_not_a_wait(tmp_path: Path):
    write_packed(tmp_path, "train", PHOTOS[:3], channels=3, rung=48)
    (tmp_path / "train-whole.bin").unlink()
    os.mkfifo(tmp_path / "train-whole.bin")
    with pytest.raises(OSError, match="not a plain file"):
        PackedImages(tmp_path, "train", channels=3)
