"""Encoded images give the pixels of packed ones, and say which file has changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.photographs.encoded import EncodedImages
from harness.data.photographs.packed import PackedImages, write_packed
from harness.data.streaming_index import write_index
from harness.faults.errors import TrialError


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{number}.jpg" for number in range(5)]
    for number, path in enumerate(paths):
        Image.fromarray(rng.integers(0, 256, (60 + number, 200, 3), dtype=np.uint8)).save(path)
    return paths


def test_encoded_and_packed_images_are_equal(tmp_path: Path, files: list[Path]):
    write_index(tmp_path, "train", files)
    write_packed(tmp_path, "train", files, channels=3, rung=48)
    encoded = EncodedImages(tmp_path, "train", channels=3, rung=48)
    packed = PackedImages(tmp_path, "train", channels=3)
    assert len(encoded) == len(packed) == 5
    for index in range(5):
        np.testing.assert_array_equal(encoded[index], packed[index])


def test_a_changed_file_is_named(tmp_path: Path, files: list[Path]):
    write_index(tmp_path, "train", files)
    files[3].write_bytes(b"something else")
    with pytest.raises(TrialError, match=r"image 3 in .*3\.jpg could be read .* now it cannot: its file has changed"):
        EncodedImages(tmp_path, "train", channels=3, rung=48)[3]
