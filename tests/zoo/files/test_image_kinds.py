"""Kinds of image files by their first bytes."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from zoo.files import image_kinds
from zoo.files.image_kinds import HEAD_BYTES, image_kind


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("JPEG", "JPEG"),
        ("PNG", "PNG"),
        ("GIF", "GIF"),
        ("WEBP", "WebP"),
        ("BMP", "BMP"),
        ("TIFF", "TIFF"),
        ("PPM", "PPM"),
        ("JPEG2000", "JPEG 2000"),
        ("AVIF", "AVIF"),
    ],
)
def test_every_kind_that_pillow_reads_is_detected_by_its_content(form: str, kind: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (1, 2, 3)).save(file, form)
    assert image_kind(file.getvalue()[:HEAD_BYTES]) == kind
    assert image_kinds.is_readable(kind)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "AVIF"),
        (b"\xff\x0aX", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"8BPS\0\1", "Photoshop"),
        (b"BMW is a make of cars", ""),
        (b"P1 is the first patient", ""),
        (b"path,label\n", ""),
        (b"", ""),
    ],
)
def test_other_kinds_are_detected_and_text_is_not_an_image(head: bytes, kind: str) -> None:
    assert image_kind(head) == kind


def test_the_suffix_decides_where_the_content_does_not() -> None:
    """A camera raw file begins like a TIFF, of which Pillow would read a small preview."""
    assert image_kind(b"II*\0", ".nef") == "camera raw"
    assert image_kind(b"\xff\xd8\xff\xe0", ".heic") == "JPEG"
    assert image_kind(b"", ".heic") == "HEIC"


def test_an_unreadable_kind_is_reported_with_the_plugin_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_kinds, "has_decoder", lambda kind: False)
    assert not image_kinds.is_readable("HEIC")
    assert "zoobench[photos]" in image_kinds.how_to_read("HEIC")
    assert "convert" in image_kinds.how_to_read("camera raw")
