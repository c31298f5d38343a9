"""Every kind of image file has one stated outcome. Each test is a row of the table in the module's docstring."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from harness.data.image_files import decoding
from harness.data.image_files.decoding import decode, fit_array, read_header
from harness.data.image_files.opening import UnreadableImageError
from zoo.preparation import Preparation


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def halves(size: tuple[int, int] = (4, 4)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, (255, 0, 0))
    image.paste((0, 0, 255), (size[0] // 2, 0, *size))
    return image


def test_pixels_of_an_image_of_the_wanted_size_are_left_as_they_are() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    assert (decode(encode(Image.fromarray(pixels), "PNG"), channels=3, preparation=Preparation(size=7)) == pixels).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_an_image_is_turned_upright_by_its_exif_orientation(kind: str) -> None:
    """timm#1383 and its kin: preprocessing that differs costs points."""
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rows of the file run from right to left in the upright image
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    source = encode(halves((16, 16)), kind, exif=exif, **options)
    upright = decode(source, channels=3, preparation=Preparation(size=16)).astype(int)
    assert upright[2, :, 0].min() > 200  # red, once left, is on top
    assert upright[13, :, 2].min() > 200


@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "JPEG"])
def test_the_header_of_a_turned_image_gives_the_upright_size(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    header = read_header(encode(halves((16, 8)), kind, exif=exif))
    assert (header.width, header.height) == (8, 16)


def test_transparency_is_composited_on_white() -> None:
    clear = encode(Image.new("RGBA", (2, 2), (255, 0, 0, 0)), "PNG")
    half = encode(Image.new("RGBA", (2, 2), (0, 0, 0, 128)), "PNG")
    assert (decode(clear, channels=3, preparation=Preparation(size=2)) == 255).all()
    assert (decode(half, channels=3, preparation=Preparation(size=2)) == 127).all()


def test_grey_with_transparency_is_composited_on_white_and_stays_grey() -> None:
    source = encode(Image.new("LA", (2, 2), (0, 0)), "PNG")
    assert read_header(source).is_grey
    assert decode(source, channels=1, preparation=Preparation(size=2)).tolist() == [[[255], [255]], [[255], [255]]]


def test_a_palette_gives_its_colours_and_its_transparent_entry_white() -> None:
    image = halves().convert("P", palette=Image.Palette.ADAPTIVE)
    opaque = decode(encode(image, "PNG"), channels=3, preparation=Preparation(size=4))
    assert opaque[0, 0].tolist() == [255, 0, 0]
    red = image.getpixel((0, 0))
    clear = decode(encode(image, "PNG", transparency=red), channels=3, preparation=Preparation(size=4))
    assert clear[0, 0].tolist() == [255, 255, 255]
    assert clear[0, 3].tolist() == [0, 0, 255]


def test_cmyk_becomes_rgb() -> None:
    source = encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF")
    assert decode(source, channels=3, preparation=Preparation(size=8))[0, 0].tolist() == [255, 0, 0]
    assert not read_header(source).is_grey


def test_sixteen_bits_are_scaled_linearly() -> None:
    values = np.array([[0, 257], [32768, 65535]], dtype=np.uint16)
    for kind in ("PNG", "TIFF"):
        source = encode(Image.fromarray(values), kind)
        assert read_header(source).is_grey
        assert decode(source, channels=1, preparation=Preparation(size=2))[..., 0].tolist() == [[0, 1], [128, 255]]


def test_one_bit_becomes_0_and_255() -> None:
    image = Image.new("1", (2, 2), 0)
    image.putpixel((1, 0), 1)
    assert decode(encode(image, "PNG"), channels=1, preparation=Preparation(size=2))[..., 0].tolist() == [
        [0, 255],
        [0, 0],
    ]


def test_grey_among_colour_gets_three_equal_channels() -> None:
    source = encode(Image.new("L", (2, 2), 77), "PNG")
    assert decode(source, channels=3, preparation=Preparation(size=2)).tolist() == [[[77] * 3] * 2] * 2


def test_32_bit_values_have_an_outcome_only_where_they_fit_16() -> None:
    fitting = encode(Image.fromarray(np.full((2, 2), 65535, dtype=np.int32)), "TIFF")
    beyond = encode(Image.fromarray(np.full((2, 2), 65536, dtype=np.int32)), "TIFF")
    assert (decode(fitting, channels=1, preparation=Preparation(size=2)) == 255).all()
    with pytest.raises(UnreadableImageError, match="range"):
        decode(beyond, channels=1, preparation=Preparation(size=2))


def test_floating_point_is_unreadable() -> None:
    source = encode(Image.fromarray(np.zeros((2, 2), dtype=np.float32)), "TIFF")
    with pytest.raises(UnreadableImageError, match="floating"):
        decode(source, channels=1, preparation=Preparation(size=2))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_an_animation_the_first_frame_counts(kind: str) -> None:
    if kind == "WEBP" and not features.check("webp"):
        pytest.skip("this Pillow has no WebP")
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    source = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert decode(source, channels=3, preparation=Preparation(size=4))[0, 0].tolist() == [255, 0, 0]


def test_a_single_pixel_is_scaled_up() -> None:
    source = encode(Image.new("RGB", (1, 1), (9, 8, 7)), "PNG")
    assert (decode(source, channels=3, preparation=Preparation(size=5)) == [9, 8, 7]).all()


def test_the_centre_square_is_what_is_scaled() -> None:
    image = Image.new("RGB", (30, 10), "black")
    image.paste("white", (10, 0, 20, 10))
    assert (decode(encode(image, "PNG"), channels=3, preparation=Preparation(size=10)) == 255).all()
    whole = image.resize((15, 5), Image.Resampling.BICUBIC)
    assert (
        decode(encode(image, "PNG"), channels=3, preparation=Preparation(size=5))
        == np.asarray(whole.crop((5, 0, 10, 5)))
    ).all()


def test_scaling_down_is_antialiased() -> None:
    stripes = np.zeros((64, 64), dtype=np.uint8)
    stripes[:, ::2] = 255
    small = decode(encode(Image.fromarray(stripes), "PNG"), channels=1, preparation=Preparation(size=8))
    assert abs(small.astype(int) - 127).max() <= 6  # every eighth column alone would be all 255


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF"])
def test_a_truncated_file_is_unreadable(kind: str) -> None:
    """timm's ImageDataset shows the neighbour in place of a corrupt image; here nothing takes its place."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    source = encode(Image.fromarray(pixels), kind)
    with pytest.raises(UnreadableImageError):
        decode(source[: len(source) // 2], channels=3, preparation=Preparation(size=64))


def test_pixels_in_memory_are_treated_as_files_are() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    from_file = decode(encode(Image.fromarray(pixels), "PNG"), channels=3, preparation=Preparation(size=6))
    assert (fit_array(pixels, channels=3, preparation=Preparation(size=6)) == from_file).all()
    assert fit_array(pixels[..., :1], channels=3, preparation=Preparation(size=6)).shape == (6, 6, 3)


def raw_png(depth: int, colour_type: int, row: bytes, width: int, transparent: bytes) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, width, depth, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tRNS", transparent)
        + chunk(b"IDAT", zlib.compress((b"\0" + row) * width))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "pixels"),
    [
        (raw_png(16, 0, struct.pack(">2H", 1000, 60000), 2, struct.pack(">H", 1000)), [255, 233]),
        (raw_png(8, 0, bytes([3, 200]), 2, struct.pack(">H", 3)), [255, 200]),
        (raw_png(4, 0, bytes([0x17]), 2, struct.pack(">H", 1)), [255, 119]),
        (raw_png(2, 0, bytes([0b01100000]), 2, struct.pack(">H", 1)), [255, 170]),
    ],
)
def test_the_transparent_grey_of_a_png_is_white_at_every_depth(content: bytes, pixels: list[int]) -> None:
    assert decode(content, channels=1, preparation=Preparation(size=2))[0, :, 0].tolist() == pixels


def test_the_transparent_colour_of_a_16_bit_png_is_white() -> None:
    row = struct.pack(">6H", 1000, 1000, 1000, 60000, 2000, 2000)
    content = raw_png(16, 2, row, 2, struct.pack(">3H", 1000, 1000, 1000))
    assert decode(content, channels=3, preparation=Preparation(size=2))[0].tolist() == [[255, 255, 255], [233, 8, 8]]


def test_a_change_of_decoding_names_the_files_that_it_concerns() -> None:
    assert decoding.change_since(decoding.VERSION) == ""
    assert decoding.change_since(1) == (
        "PNG files with one transparent colour and 2, 4 or 16 bits per sample and PNG files with 16-bit colour and one "
        "transparent colour, or 16-bit grey and alpha and images that are not square (by up to half a pixel) are "
        "decoded differently than in the training; all other images are not"
    )
    assert "by version 99 of zoo's decoding in the training" in decoding.change_since(99)


def test_each_version_of_decoding_says_what_it_changed() -> None:
    assert set(decoding.CHANGES) == set(range(2, decoding.VERSION + 1))
