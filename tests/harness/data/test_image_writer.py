"""Decoding a split into a file."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.image_writer import hash_pixels, write_images
from harness.data.splitting import whole
from zoo.dataset import Split
from zoo.preparation import Preparation


def png(value: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (4, 4), value).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("num_workers", [1, 3])
def test_images_are_written_in_order_and_unreadable_ones_are_listed(tmp_path: Path, num_workers: int) -> None:
    encoded = [png(0), b"not an image", png(2), png(3)]
    part = whole("train", Split(labels=np.zeros(4, dtype=np.int64), encoded=encoded))
    shares: list[float] = []
    path = tmp_path / "train-images.npy"
    how = Preparation(size=4)
    written = write_images(path, part, channels=1, preparation=how, report=shares.append, num_workers=num_workers)
    images_NHWC = np.load(path)
    assert images_NHWC.shape == (3, 4, 4, 1)
    assert images_NHWC[:, 0, 0, 0].tolist() == [0, 2, 3]
    assert written.kept.tolist() == [0, 2, 3]
    assert [each.index for each in written.unreadable] == [1]
    assert written.histogram[0, [0, 2, 3]].tolist() == [16, 16, 16]
    assert written.pixel_hashes == hash_pixels(images_NHWC)
    assert written.content_hashes == [hashlib.sha256(encoded[index]).digest() for index in (0, 2, 3)]
    assert shares[-1] == 1.0
