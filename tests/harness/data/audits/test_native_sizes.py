"""Sizes of images as they are stored."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from harness.data.audits.native_sizes import measure_sizes
from harness.data.splitting import whole
from zoo.dataset import Split


def png(width: int, height: int, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, "PNG")
    return file.getvalue()


def test_sizes_are_counted_over_all_splits_and_lost_images_separately() -> None:
    encoded = [png(8, 6), png(8, 6), png(4, 10, "L"), b"gone bad"]
    part = whole("train", Split(labels=np.zeros(4, dtype=np.int64), encoded=encoded))
    pixels = whole("test", Split(labels=np.zeros(2, dtype=np.int64), images=np.zeros((2, 6, 8, 3), dtype=np.uint8)))
    sizes, counts, num_lost = measure_sizes({"train": (part, range(4)), "test": (pixels, [0])}, lambda *_: None, "x")
    assert sizes is not None
    assert (sizes.distinct, sizes.width, sizes.height, sizes.num_grey, num_lost) == (2, (4, 8.0, 8), (6, 6.0, 10), 1, 1)
    assert counts == {(8, 6): 3, (4, 10): 1}
    assert [(each.width, each.height, each.num_images) for each in sizes.common] == [(8, 6, 3), (4, 10, 1)]


def test_without_readable_images_there_are_no_sizes() -> None:
    part = whole("train", Split(labels=np.zeros(1, dtype=np.int64), encoded=[b"text"]))
    assert measure_sizes({"train": (part, [0])}, lambda *_: None, "x") == (None, {}, 1)
