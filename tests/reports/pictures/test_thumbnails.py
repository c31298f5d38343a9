"""Thumbnails: images are found by their id, scaled down, and written as PNG."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from reports.pictures.thumbnails import MAX_SIDE, Thumbnails, data_uri, find_thumbnails


@pytest.fixture
def thumbnails():
    images_NHWC = np.stack([np.full((96, 128, 3), value, dtype=np.uint8) for value in (10, 20, 30)])
    samples_N = np.array([7, 3, 2**63 + 5], dtype=np.uint64)
    return Thumbnails(SimpleNamespace(images_NHWC=images_NHWC, samples_N=samples_N))


def test_an_image_is_found_by_its_id_in_any_order(thumbnails):
    assert [int(thumbnails.pixels(sample)[0, 0, 0]) for sample in (3, 7, 2**63 + 5)] == [20, 10, 30]


@pytest.mark.parametrize("sample", [0, 5, 2**64 - 1])
def test_an_unknown_id_has_no_image(thumbnails, sample):
    assert thumbnails.pixels(sample) is None
    assert thumbnails.png(sample) is None


def test_a_large_image_is_scaled_down_with_its_aspect_ratio(thumbnails):
    picture = Image.open(io.BytesIO(thumbnails.png(7)))
    assert picture.size == (MAX_SIDE, MAX_SIDE * 96 // 128)
    assert picture.getpixel((5, 5)) == (10, 10, 10)


def test_without_a_cache_or_with_a_damaged_one_there_are_none(tmp_path):
    assert find_thumbnails(None, "f") is None
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "data.json").write_text("{")
    assert find_thumbnails(tmp_path, "f") is None


def test_a_data_uri_holds_the_picture():
    assert data_uri(b"abc") == "data:image/png;base64,YWJj"
