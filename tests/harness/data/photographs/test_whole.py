"""Whole images keep their aspect ratio, are reduced to a rung, and never enlarged."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.image_files.opening import UnreadableImageError
from harness.data.photographs.whole import RUNGS, decode_whole, reduce, rung_for, whole_of_array
from zoo.dataset import FilePart


def encoded(width: int, height: int, form: str = "JPEG", **options: object) -> bytes:
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    coarse.resize((width, height), Image.Resampling.BICUBIC).save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("size", "rung"), [(16, 32), (32, 48), (64, 96), (160, 256), (224, 384), (384, 640), (4096, 2048)]
)
def test_the_rung_leaves_a_margin_for_crops(size, rung):
    assert rung_for(size) == rung
    assert rung in RUNGS


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ((500, 375), (500, 375)),  # never enlarged
        ((375, 500), (375, 500)),
        ((1000, 750), (500, 375)),  # at half its size, which is enough
        ((2000, 1500), (500, 375)),
        ((640, 480), (512, 384)),  # half of it would be too small
        ((1200, 400), (1152, 384)),
        ((40, 20), (40, 20)),
    ],
)
def test_a_photograph_is_reduced_with_its_aspect_ratio(given, stored):
    pixels = decode_whole(encoded(*given), channels=3, rung=384)
    assert (pixels.shape[1], pixels.shape[0], pixels.shape[2]) == (*stored, 3)
    assert pixels.dtype == np.uint8


def test_other_formats_are_scaled_to_the_rung():
    assert decode_whole(encoded(100, 80, "PNG"), channels=3, rung=64).shape == (64, 80, 3)
    assert decode_whole(encoded(100, 80, "PNG"), channels=1, rung=64).shape == (64, 80, 1)


def test_a_reduced_photograph_looks_like_the_whole_one():
    content = encoded(1600, 1200, quality=95)
    with Image.open(io.BytesIO(content)) as image:
        reference = np.asarray(image.resize((400, 300), Image.Resampling.BICUBIC)).astype(int)
    pixels = decode_whole(content, channels=3, rung=300)
    assert pixels.shape == (300, 400, 3)
    assert np.abs(pixels - reference).mean() < 2


def test_a_turned_photograph_is_upright_and_reduced():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_whole(encoded(1600, 1200, exif=exif), channels=3, rung=300).shape == (400, 300, 3)


def test_bytes_files_and_parts_of_files_give_the_same_pixels(tmp_path: Path):
    content = encoded(60, 40)
    (tmp_path / "whole.jpg").write_bytes(content)
    (tmp_path / "pack").write_bytes(b"12345" + content + b"678")
    sources = [content, tmp_path / "whole.jpg", FilePart(path=tmp_path / "pack", start=5, size=len(content))]
    first, *others = (decode_whole(source, channels=3, rung=384) for source in sources)
    for other in others:
        np.testing.assert_array_equal(first, other)


def test_what_cannot_be_decoded_is_an_error(tmp_path: Path):
    for source in (
        b"text",
        encoded(60, 40)[:-30],
        tmp_path / "missing.jpg",
        FilePart(path=tmp_path / "no", start=0, size=1),
    ):
        with pytest.raises(UnreadableImageError):
            decode_whole(source, channels=3, rung=64)


def test_pixels_are_converted_like_files():
    rng = np.random.default_rng(1)
    colour = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    np.testing.assert_array_equal(whole_of_array(colour, channels=3, rung=32), colour)
    assert whole_of_array(colour, channels=1, rung=10).shape == (10, 15, 1)
    grey = colour[:, :, :1]
    np.testing.assert_array_equal(whole_of_array(grey, channels=3, rung=32), np.repeat(grey, 3, axis=2))
    assert reduce(np.zeros((3000, 1, 3), dtype=np.uint8), 32).shape == (3000, 1, 3)
