"""Notes on prepared data."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from harness.data.image_files.decoding import decode
from harness.data.image_writer import WrittenSplit
from harness.data.notes import depth_notes
from zoo.errors import DataError
from zoo.preparation import Preparation


def deep_png(largest: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.array([[0, largest]], dtype=np.uint16)).save(file, "PNG")
    return file.getvalue()


def written(*largest: int) -> dict[str, WrittenSplit]:
    split = WrittenSplit(kept=np.arange(1), histogram=np.zeros((1, 256), dtype=np.int64))
    for each in largest:
        decode(deep_png(each), channels=1, preparation=Preparation(size=2), on_deep_image=split.deep_peaks.append)
    return {"train": split}


@pytest.mark.parametrize(("largest", "bits"), [(4095, 12), (1023, 10), (16383, 14), (200, 8)])
def test_16_bit_images_that_hold_fewer_bits_are_noted(largest: int, bits: int) -> None:
    """Microscopes and X-ray detectors write 12 bits into 16-bit files, which come out almost black."""
    (note,) = depth_notes(written(7, largest), None)
    assert f"above {largest:,} of 65,535, as if they had {bits} bits" in note
    assert f"data.bit_depth={bits} scales them" in note
    assert depth_notes(written(7, largest), bits) == []


def test_one_bright_image_shows_that_the_full_range_is_used() -> None:
    assert depth_notes(written(100, 40_000), None) == []
    assert depth_notes(written(), None) == []


def test_a_bit_depth_that_changes_no_image_is_an_error() -> None:
    with pytest.raises(DataError, match=r"data\.bit_depth=12 does nothing: no image has more than 8 bits per sample"):
        depth_notes(written(), 12)
