"""Limits on metadata: images with absurd metadata are refused in one sentence and little time, ordinary ones are read.

Such files crash or stall viewers and services of all kinds: Pillow's CVE-2014-9601 and CVE-2021-27923 are of this kind.
"""

from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.image_files.decoding import decode, read_header
from harness.data.image_files.jpeg import decode_jpeg
from harness.data.image_files.opening import UnreadableImageError, quiet_pillow
from zoo.dataset import FilePart
from zoo.preparation import Preparation

COLOURS = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def encoded(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(COLOURS).save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(marker: int, data: bytes, count: int) -> bytes:
    content = encoded("JPEG")
    return content[:2] + (b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data) * count + content[2:]


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(extra: bytes, *, before: bytes = b"IDAT") -> bytes:
    content = encoded("PNG")
    place = content.index(before) - 4
    return content[:place] + extra + content[place:]


def gif(extra: bytes) -> bytes:
    content = encoded("GIF")
    place = content.index(b",", 13 + 3 * 256)
    return content[:place] + extra + content[place:]


def tiff(entries: list[tuple[int, int, int, int]], extra: bytes = b"") -> bytes:
    needed = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    needed += [(273, 4, 1, 8), (278, 4, 1, 8), (279, 4, 1, 64)]
    tags = [entry for entry in needed if entry[0] not in {each[0] for each in entries}] + entries
    table = b"".join(struct.pack("<HHII", *entry) for entry in sorted(tags))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + table + struct.pack("<I", 0) + extra


ABSURD: dict[str, tuple[Callable[[], bytes], str]] = {
    "segments of Exif data": (lambda: jpeg(0xE1, b"Exif\0\0" + bytes(65527), 300), "Exif data of more than 8 MB"),
    "Photoshop's blocks": (lambda: jpeg(0xED, b"Photoshop 3.0\0" + bytes(65000), 200), "Photoshop's blocks of more"),
    "comments of a JPEG": (lambda: jpeg(0xFE, b"", 400_000), "its metadata is in more than 100,000 pieces"),
    "tables of a JPEG": (lambda: jpeg(0xDB, b"", 400_000), "in more than 100,000 pieces"),
    "padding of a JPEG": (lambda: jpeg(0xFE, b"x", 1)[:7] + b"\xff" * 10**6 + encoded("JPEG")[2:], "pieces"),
    "texts of a PNG": (lambda: png(chunk(b"tEXt") * 200_000), "pieces"),
    "unknown chunks of a PNG": (lambda: png(chunk(b"abCd") * 200_000), "pieces"),
    "empty pixels of a PNG": (lambda: png(chunk(b"IDAT") * 200_000), "pieces"),
    "texts after the pixels": (lambda: png(chunk(b"tEXt", b"k\0") * 200_000, before=b"IEND"), "pieces"),
    "Exif data of a PNG": (lambda: png(chunk(b"eXIf", b"II*\0\x08\0\0\0" + bytes(9 * 10**6))), "Exif data of more"),
    "Exif data of a WebP": (lambda: encoded("WEBP", exif=b"II*\0" + bytes(9 * 10**6)), "Exif data of more"),
    "comments of a GIF": (lambda: gif(b"!\xfe\0" * 400_000), "pieces"),
    "pieces of a comment": (lambda: gif(b"!\xfe" + b"\1x" * 400_000 + b"\0"), "pieces"),
    "junk of a GIF": (lambda: gif(bytes(10**6)), "pieces"),
    "tags": (
        lambda: struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, 200_000) + struct.pack("<HHQQ", 1000, 1, 1, 7) * 200_000,
        "pieces",
    ),
    "strips": (lambda: tiff([(273, 4, 600_000, 200), (279, 4, 600_000, 200)], bytes(2_400_999)), "1,200,0.. values"),
    "fractions": (lambda: tiff([(282, 5, 600_000, 200)], bytes(4_800_999)), "its tags have 600,008 values"),
    "fractions of Exif data": (
        lambda: tiff([(34665, 4, 1, 200)], bytes(200 - 122) + tiff([(37386, 5, 600_000, 400)])[8:] + bytes(5 * 10**6)),
        "its tags have .* values, more than 500,000",
    ),
    "space of a PPM": (lambda: b"P6 8" + b" " * 10**6 + b"8 255\n" + bytes(192), "pieces"),
    "a comment of a PPM": (lambda: b"P6 #" + b"x" * 10**6 + b"\n8 8 255\n" + bytes(192), "pieces"),
    "comments in text": (lambda: b"P3 8 8 255\n" + b"#\n" * 10**6 + b"1 " * 192, "more than 1,000 comments"),
    "header of a JPEG 2000": (
        lambda: encoded("JPEG2000")[:32] + struct.pack(">I", 10**7) + b"jp2h" + b"\0\0\0\x08free" * 1_250_000,
        "a header of more than 8 MB",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_metadata_is_refused(name: str) -> None:
    make, message = ABSURD[name]
    content = make()
    before = time.process_time()
    with pytest.raises(UnreadableImageError, match=message):
        decode(content, channels=3, preparation=Preparation(size=16))
    assert decode_jpeg(content, channels=3, least_side=8, max_pixels=10**6) is None
    assert time.process_time() - before < 30  # minutes without a limit, a tenth of a second with it


def test_a_file_and_a_part_of_one_have_the_same_limits(tmp_path: Path) -> None:
    content = jpeg(0xFE, b"", 400_000)
    path = tmp_path / "x.jpg"
    path.write_bytes(b"ab" + content)
    with pytest.raises(UnreadableImageError, match="pieces"):
        read_header(FilePart(path=path, start=2, size=len(content)))
    path.write_bytes(content)
    with pytest.raises(UnreadableImageError, match="pieces"):
        read_header(path)


@pytest.mark.parametrize(
    "content",
    [
        jpeg(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + bytes(60_000), 20),
        jpeg(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + bytes(65_000), 200),
        jpeg(0xE2, b"ICC_PROFILE\0\1\1" + bytes(65_000), 60),
        jpeg(0xFE, b"a comment", 1000),
        png(chunk(b"tEXt", b"k\0v") * 10_000),
        png(chunk(b"eXIf", b"II*\0\x08\0\0\0" + bytes(10**6))),
        gif(b"!\xfe" + b"\xff" + b"x" * 255 + b"\0"),
        tiff([(40_000 + i, 1, 1, 7) for i in range(1000)]),
        tiff([(270, 2, 3 * 10**6, 200), (37724, 7, 3 * 10**6, 200)], bytes(4 * 10**6)),
        tiff([(330, 4, 1, 8), (34665, 4, 1, 8), (34853, 4, 1, 8)], bytes(64)),
        tiff([(282, 5, 2**31, 200)], bytes(64)),
        b"P3 8 8 255\n" + b"# a comment\n" * 500 + b"1 " * 192,
    ],
    ids=[
        "Exif data", "XMP", "a colour profile", "comments", "texts", "Exif data of a PNG", "a comment of a GIF", "tags",
        "long texts", "directories that lead back", "a count beyond the end", "comments in text",
    ],
)  # fmt: skip
def test_much_but_believable_metadata_is_read_past(content: bytes) -> None:
    with quiet_pillow():
        assert decode(content, channels=3, preparation=Preparation(size=16)).shape == (16, 16, 3)


def test_strips_of_a_row_each_are_read() -> None:
    content = encoded("TIFF", tiffinfo={278: 1})
    assert (decode(content, channels=3, preparation=Preparation(size=16)) == COLOURS).all()
