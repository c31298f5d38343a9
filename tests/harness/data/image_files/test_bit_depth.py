"""Images with more than 8 bits per sample: of all files, the value of each pixel is known."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from harness.data.image_files import decoding
from harness.data.image_files.decoding import read_header
from harness.data.image_files.opening import UnreadableImageError
from harness.data.prepare import prepare_data
from harness.data.settings import DataSettings
from harness.records.spec import DatasetSpec, ProviderSpec
from tests.harness.data.toy_splits import TEST, TRAIN, Prepare, splits
from zoo.dataset import Dataset
from zoo.errors import DataError
from zoo.preparation import Preparation

GREY, COLOUR, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 4, 6
"""Colour types of PNG files."""


def decode(content: bytes, *, channels: int, size: int, **how: Any) -> NDArray[np.uint8]:
    """Decode a square image of so many pixels."""
    return decoding.decode(content, channels=channels, preparation=Preparation(size=size), **how)


def png(values_HWC: NDArray[np.uint16], colour_type: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a 16-bit PNG without filters."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    height, width = values_HWC.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values_HWC)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*each)
        for each in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)),
            *chunks,
            (b"IDAT", zlib.compress(rows)),
            (b"IEND", b""),
        )
    )


def tiff(values_HWC: NDArray[np.uint16], order: str) -> bytes:
    """Return an uncompressed RGB TIFF in one byte order, ``<`` or ``>``."""
    height, width, channels = values_HWC.shape
    pixels = values_HWC.astype(f"{order}u2").tobytes()
    start = 8
    bits = start + len(pixels)
    tags = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, channels, bits),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, start),
        (277, 3, 1, channels),
        (278, 3, 1, height),
        (279, 4, 1, len(pixels)),
    ]
    directory = b"".join(
        struct.pack(f"{order}HHI", tag, kind, count)
        + (struct.pack(f"{order}HH", value, 0) if kind == 3 and count == 1 else struct.pack(f"{order}I", value))
        for tag, kind, count, value in tags
    )
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, bits + 2 * channels)
    depths = struct.pack(f"{order}{channels}H", *[16] * channels)
    return head + pixels + depths + struct.pack(f"{order}H", len(tags)) + directory + bytes(4)


def colours(limit: int) -> NDArray[np.uint16]:
    values = np.random.default_rng(0).integers(0, limit + 1, (9, 9, 3), dtype=np.uint16)
    values[0, 0], values[0, 1] = 0, limit
    return values


def rounded(values: NDArray[np.uint16], bits: int) -> NDArray[np.float64]:
    return np.floor(values / (2**bits - 1) * 255 + 0.5)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_grey_is_scaled_by_its_bit_depth(bits: int) -> None:
    """Microscopes and X-ray detectors write 12 bits into 16-bit files, which come out almost black."""
    values = colours(2**bits - 1)[..., :1]
    for content in (png(values, GREY), _saved(values[..., 0], "TIFF")):
        assert (decode(content, channels=1, size=9, bit_depth=bits) == rounded(values, bits)).all()


def _saved(values: NDArray[np.uint16], kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_colour_is_scaled_by_its_bit_depth_with_its_low_bytes(bits: int) -> None:
    """Of 12 bits in 16, Pillow's own reading keeps four."""
    values = colours(2**bits - 1)
    for content in (png(values, COLOUR), tiff(values, "<"), tiff(values, ">")):
        assert (decode(content, channels=3, size=9, bit_depth=bits) == rounded(values, bits)).all()


def test_colour_without_a_bit_depth_is_its_high_bytes() -> None:
    values = colours(65535)
    for content in (png(values, COLOUR), tiff(values, "<"), tiff(values, ">")):
        assert (decode(content, channels=3, size=9) == values >> 8).all()


def test_interlaced_and_filtered_colour_is_read_as_any() -> None:
    values = np.linspace(0, 4095, 27 * 27 * 3).reshape(27, 27, 3).astype(np.uint16)
    plain = decode(png(values, COLOUR), channels=3, size=27, bit_depth=12)
    file = bytearray(png(values, COLOUR))
    assert (plain == rounded(values, 12)).all()
    rows = b""
    for row, above in zip(values, np.concatenate([np.zeros_like(values[:1]), values[:-1]]), strict=True):
        now, before = (each.astype(">u2").tobytes() for each in (row, above))
        rows += b"\2" + bytes((a - b) % 256 for a, b in zip(now, before, strict=True))  # filter "up"
    place = file.index(b"IDAT") - 4
    packed = zlib.compress(rows)
    data = struct.pack(">I", len(packed)) + b"IDAT" + packed + struct.pack(">I", zlib.crc32(b"IDAT" + packed))
    filtered = bytes(file[:place]) + data + bytes(file[-12:])
    assert (decode(filtered, channels=3, size=27, bit_depth=12) == plain).all()


def test_alpha_is_scaled_with_the_rest_and_composited_on_white() -> None:
    values = np.array([[[4095, 0, 2048, 4095], [4095, 0, 2048, 0]]] * 2, dtype=np.uint16)
    pixels = decode(png(values, COLOUR_ALPHA), channels=3, size=2, bit_depth=12)
    assert pixels[0].tolist() == [[255, 0, 128], [255, 255, 255]]


def test_grey_with_alpha_is_grey_and_scaled_by_its_bit_depth() -> None:
    values = np.array([[[1000, 4095], [1000, 0]]] * 2, dtype=np.uint16)
    content = png(values, GREY_ALPHA)
    assert read_header(content).is_grey
    assert decode(content, channels=1, size=2, bit_depth=12)[0, :, 0].tolist() == [62, 255]
    assert decode(content, channels=3, size=2, bit_depth=12)[0].tolist() == [[62] * 3, [255] * 3]
    high = decode(png(values << 4, GREY_ALPHA), channels=1, size=2)
    assert high[0, :, 0].tolist()[0] == 62


def test_only_the_transparent_colour_itself_becomes_white() -> None:
    """Compared by high bytes, a neighbour of the transparent colour would vanish with it."""
    values = np.array([[[1000, 1000, 1000], [1001, 1000, 1000]]] * 2, dtype=np.uint16)
    clear = (b"tRNS", struct.pack(">3H", 1000, 1000, 1000))
    assert decode(png(values, COLOUR, clear), channels=3, size=2)[0].tolist() == [[255] * 3, [4, 4, 4]]
    assert decode(png(values, COLOUR, clear), channels=3, size=2, bit_depth=10)[0].tolist() == [
        [255] * 3,
        [250, 249, 249],
    ]
    grey = png(values[..., :1], GREY, (b"tRNS", struct.pack(">H", 1000)))
    assert decode(grey, channels=1, size=2, bit_depth=10)[0, :, 0].tolist() == [255, 250]


@pytest.mark.parametrize("colour_type", [GREY, COLOUR])
def test_a_value_beyond_the_bit_depth_is_unreadable(colour_type: int) -> None:
    values = np.full((2, 2, 3 if colour_type == COLOUR else 1), 4096, dtype=np.uint16)
    with pytest.raises(UnreadableImageError, match=r"its value 4,096 is not in 0..4,095, the range of 12 bits"):
        decode(png(values, colour_type), channels=3, size=2, bit_depth=12)


def test_images_with_8_bits_have_no_other_range() -> None:
    values = np.full((2, 2), 200, dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    assert (decode(file.getvalue(), channels=1, size=2, bit_depth=12) == 200).all()


@pytest.mark.parametrize("bit_depth", [None, 12])
@pytest.mark.parametrize("colour_type", [GREY, COLOUR])
def test_a_deep_image_is_turned_upright(colour_type: int, bit_depth: int | None) -> None:
    values = np.zeros((4, 4, 3 if colour_type == COLOUR else 1), dtype=np.uint16)
    values[:, :2] = 4095  # bright on the left; upright, on top
    exif = Image.Exif()
    exif[0x0112] = 6
    content = png(values, colour_type, (b"eXIf", exif.tobytes()[6:]))
    pixels = decode(content, channels=3, size=4, bit_depth=bit_depth)
    bright = 255 if bit_depth else {GREY: 16, COLOUR: 15}[colour_type]
    assert (pixels[:2] == bright).all()
    assert (pixels[2:] == 0).all()


def test_the_largest_value_is_reported() -> None:
    peaks: list[int] = []
    decode(png(colours(4095), COLOUR), channels=3, size=9, on_deep_image=peaks.append)
    decode(png(colours(4095)[..., :1], GREY), channels=3, size=9, on_deep_image=peaks.append)
    assert peaks == [4095, 4095]


def deep_png(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 4096, (8, 8), dtype=np.uint16)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_bit_depth_scales_16_bit_images_by_their_own_range_whether_they_are_kept_or_not(
    prepare: Prepare, tmp_path: Path
) -> None:
    deep = splits([deep_png(i) for i in range(20)], [deep_png(100 + i) for i in range(6)])
    dark = prepare(deep)
    assert any("data.bit_depth=12 scales them by theirs" in note for note in dark.notes)
    assert dark.load("test").images_NHWC.max() == 16
    bright = prepare(deep, bit_depth=12)
    assert bright.load("test").images_NHWC.max() > 250
    assert bright.bit_depth == 12
    assert bright.pixels != dark.pixels
    assert bright.fingerprint == dark.fingerprint
    assert not any("bit" in note for note in bright.notes)
    streamed = prepare_data(
        Dataset(name="shapes", load=lambda request: deep),
        DatasetSpec(full_name="test/shapes", display_name="shapes", provider=ProviderSpec(plugin="test"), bit_depth=12),
        DataSettings(data_root=tmp_path, cache=tmp_path / "streamed", cache_limit=0),
        report=lambda *_: None,
    )
    assert streamed.streamed
    assert (streamed.fingerprint, streamed.pixels) == (bright.fingerprint, bright.pixels)
    assert (streamed.load("test").images_NHWC[:] == bright.load("test").images_NHWC).all()


def test_a_bit_depth_without_16_bit_images_is_an_error(prepare: Prepare) -> None:
    with pytest.raises(DataError, match=r"data\.bit_depth=12 does nothing"):
        prepare(splits(TRAIN, TEST), bit_depth=12)
