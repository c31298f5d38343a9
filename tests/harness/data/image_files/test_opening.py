"""Opening image files: what is no image, is too large or needs a package is said, and nothing is decompressed."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.image_files import opening
from harness.data.image_files.decoding import decode, read_header
from harness.data.image_files.opening import (
    UnknownFormatError,
    UnreadableImageError,
    opened_image,
    plugin_versions,
    quiet_pillow,
    read_content,
)
from zoo.dataset import FilePart
from zoo.files import image_kinds
from zoo.preparation import Preparation

from .test_decoding import encode


@pytest.mark.parametrize(
    "content", [b"", b"not an image", b"\xff\xd8\xff", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"]
)
def test_a_file_that_is_not_an_image_is_unreadable_regardless_of_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(UnreadableImageError):
        decode(path, channels=3, preparation=Preparation(size=4))
    with pytest.raises(UnreadableImageError):
        read_header(path)


def test_an_image_of_too_many_pixels_is_never_decompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    source = encode(Image.new("1", (200, 200)), "PNG")
    monkeypatch.setattr(opening, "MAX_PIXELS", 200 * 200 - 1)
    with pytest.raises(UnreadableImageError, match="39,999"):
        decode(source, channels=1, preparation=Preparation(size=4))


def test_a_decompression_bomb_is_unreadable_and_quiet() -> None:
    source = encode(Image.new("1", (20_000, 10_000)), "PNG")
    with quiet_pillow(), pytest.raises(UnreadableImageError, match="100,000,000"):
        decode(source, channels=1, preparation=Preparation(size=4))


def test_an_unreadable_kind_is_reported_with_the_package_that_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Phones save HEIC as .jpg."""
    monkeypatch.setattr(image_kinds, "has_decoder", lambda kind: False)
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\0\0\0\x1cftypheic\0\0\0\0mif1heic" + bytes(100))
    with pytest.raises(UnreadableImageError, match=r"HEIC: pip install 'zoobench\[photos\]' reads HEIC"):
        decode(path, channels=3, preparation=Preparation(size=2))


@pytest.mark.parametrize(("module", "form"), [("pillow_heif", "HEIF"), ("pillow_jxl", "JXL")])
def test_photos_of_phones_are_read_where_the_plugins_are_installed(module: str, form: str) -> None:
    pytest.importorskip(module)
    assert any(each.startswith(module) for each in plugin_versions())
    file = io.BytesIO()
    Image.new("RGB", (32, 32), (200, 100, 50)).save(file, form)
    pixels = decode(file.getvalue(), channels=3, preparation=Preparation(size=32)).reshape(-1, 3).mean(axis=0)
    assert np.abs(pixels - [200, 100, 50]).max() < 4
    assert (read_header(file.getvalue()).width, read_header(file.getvalue()).is_grey) == (32, False)


def test_a_part_of_a_file_is_read_and_decoded_like_a_file_of_its_own(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    content = encode(Image.fromarray(pixels), "PNG")
    (tmp_path / "shard.tar").write_bytes(b"before" + content + b"after")
    part = FilePart(path=tmp_path / "shard.tar", start=6, size=len(content))
    assert read_content(part) == content
    assert (decode(part, channels=3, preparation=Preparation(size=4)) == pixels).all()


def _tiff_of_64_bit_floats() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.float32)).save(file, "TIFF")
    bits_per_sample = (258).to_bytes(2, "little") + b"\x03\0\x01\0\0\0"
    return file.getvalue().replace(bits_per_sample + b"\x20", bits_per_sample + b"\x40")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            _tiff_of_64_bit_floats(),
            "a TIFF file that is damaged, or whose pixels.* save it as grey or RGB with 8 or 16 bits",
        ),
        (b"\xff\xd8\xff\xe0" + b"\0" * 60, "a damaged JPEG file, or of an unusual kind: save it again"),
        (b"no image", "^not an image of a known format$"),
        (b"", "^not an image of a known format$"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "^no image: it is a Git LFS pointer.*git lfs pull$"),
        (b"<!DOCTYPE html><html>404</html>", "^no image: it is a web page; download the file itself"),
        (b"PK\x03\x04" + bytes(40), "^no image: it is a zip archive; unpack it first$"),
    ],
)
def test_a_file_of_a_known_kind_that_pillow_refuses_is_called_what_it_is(content: bytes, reason: str) -> None:
    """Users of Pillow report "cannot identify image file" for TIFF files that others open, and LFS pointers."""
    with pytest.raises(UnknownFormatError, match=reason), opened_image(content):
        pass
