"""JPEG files are decoded in less time, to Pillow's pixels, or left to Pillow."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from harness.data.image_files import jpeg
from harness.data.image_files.decoding import decode_upright
from harness.data.image_files.jpeg import SCALES, decode_jpeg, scale_for

MOST = 10**7


def smooth(width: int, height: int, mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(width * height)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def decoded(content: bytes, *, channels: int = 3, least_side: int = 10**6) -> np.ndarray | None:
    return decode_jpeg(content, channels=channels, least_side=least_side, max_pixels=MOST)


@pytest.mark.parametrize(
    ("width", "height", "least_side", "scale"),
    [
        (4000, 3000, 288, 8),
        (4000, 3000, 376, 4),
        (500, 375, 288, 1),
        (500, 375, 188, 2),
        (3000, 4000, 375, 8),
        (9, 7, 0, 8),
    ],
)
def test_the_largest_reduction_that_leaves_enough_pixels_is_taken(width, height, least_side, scale):
    assert scale_for(width, height, least_side) == scale


@pytest.mark.parametrize("size", [(501, 375), (96, 97), (1, 1), (8, 200)])
@pytest.mark.parametrize("options", [{"subsampling": 0}, {"subsampling": 1}, {"subsampling": 2}, {"progressive": True}])
@pytest.mark.parametrize("scale", SCALES)
def test_pixels_are_those_of_pillow(size, options, scale):
    pytest.importorskip("simplejpeg", reason="needs zoobench[photos]")
    content = encoded(smooth(*size), **options)
    least_side = -(-min(size) // scale)
    found = decoded(content, least_side=least_side)
    assert found is not None
    np.testing.assert_array_equal(found, decode_upright(content, channels=3, least_side=least_side))


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_files_give_one_channel_or_three_equal_ones(channels):
    pytest.importorskip("simplejpeg", reason="needs zoobench[photos]")
    content = encoded(smooth(40, 30, "L"))
    found = decoded(content, channels=channels)
    assert found is not None
    np.testing.assert_array_equal(found, decode_upright(content, channels=channels, least_side=10**6))


def test_what_is_unusual_is_left_to_pillow():
    image = smooth(40, 30)
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = encoded(image)
    unusual = {
        "orientation": encoded(image, exif=exif),
        "four colours": encoded(image.convert("CMYK")),
        "truncated": whole[:-40],
        "another format": b"\x89PNG\r\n\x1a\n" + whole,
        "nothing": b"",
    }
    assert {name: decoded(content) for name, content in unusual.items()} == dict.fromkeys(unusual)
    assert decoded(encoded(image), channels=1) is None, "grey of a colour image is Pillow's own formula"
    assert decode_jpeg(whole, channels=3, least_side=9, max_pixels=1199) is None


def test_a_decoder_with_other_pixels_is_not_used(monkeypatch):
    simplejpeg = pytest.importorskip("simplejpeg", reason="needs zoobench[photos]")
    assert jpeg._gives_pillows_pixels(simplejpeg)
    true = simplejpeg.decode_jpeg

    def off_by_one(*args, **options):
        return true(*args, **options) ^ 1

    monkeypatch.setattr(simplejpeg, "decode_jpeg", off_by_one)
    jpeg._library.cache_clear()
    try:
        assert decoded(encoded(smooth(40, 30))) is None
    finally:
        monkeypatch.undo()
        jpeg._library.cache_clear()
