"""Kinds of image files, recognised by their first bytes, and what is needed to read each.

A name tells little: phones save HEIC as ``.jpg``, browsers save JPEG as ``.jfif`` or without a suffix.
"""

from __future__ import annotations

import functools
import importlib.util
import re

HEAD_BYTES = 64
"""Number of first bytes that :func:`image_kind` looks at."""

EXTRA = "photos"
"""Optional dependency (``zoobench[photos]``) that reads the kinds of :data:`DECODERS`."""

DECODERS = {"HEIC": "pillow_heif", "JPEG XL": "pillow_jxl"}
"""Module that reads a kind which Pillow alone cannot read."""

BUILT_IN_KINDS = frozenset({"JPEG", "PNG", "GIF", "WebP", "BMP", "TIFF", "PPM", "JPEG 2000", "AVIF"})
"""Kinds that Pillow reads."""

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"8BPS", "Photoshop"),
    (b"qoif", "QOI"),
    (b"DDS ", "DDS"),
    (b"gimp xcf", "GIMP"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"FUJIFILM", "camera raw"),
    (b"<svg", "SVG"),
)
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "HEIC"),
    **dict.fromkeys((b"mif1", b"msf1"), "HEIC"),
    b"crx ": "camera raw",
}
_PPM = re.compile(rb"P[1-6]\s+(#|\d+\s+\d+\s)")
_BMP_HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})

_KIND_OF_SUFFIX = {
    **dict.fromkeys((".heic", ".heics", ".heif", ".heifs", ".hif"), "HEIC"),
    ".jxl": "JPEG XL",
    ".svg": "SVG",
    ".psd": "Photoshop",
    ".xcf": "GIMP",
    ".tga": "TGA",
    ".ico": "icon",
    ".exr": "OpenEXR",
    ".hdr": "Radiance HDR",
    **dict.fromkeys((".dcm", ".dicom"), "DICOM"),
    **dict.fromkeys(
        (".3fr", ".arw", ".cr2", ".cr3", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".srw"), "camera raw"
    ),
}


def image_kind(head: bytes, suffix: str = "") -> str:
    """Return the kind of an image file from its first bytes, or an empty string if it is none.

    Args:
        head: The first :data:`HEAD_BYTES` bytes of the file.
        suffix: The suffix of its name in lower case, with the dot. It decides between kinds that begin alike (camera
            raw files are TIFF files in which only a preview can be read), and where the bytes say nothing.
    """
    named = _KIND_OF_SUFFIX.get(suffix, "")
    if named == "camera raw":
        return named
    return _kind_of_head(head) or named


def _kind_of_head(head: bytes) -> str:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp":
        brands = [head[8:12], *(head[start : start + 4] for start in range(16, len(head) - 3, 4))]
        found = [_BRANDS[brand] for brand in brands[: max(1, (int.from_bytes(head[:4]) - 8) // 4)] if brand in _BRANDS]
        # The major brand may be the general mif1: another brand then says whether the content is AVIF or HEIC.
        return "AVIF" if "AVIF" in found else found[0] if found else ""
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    return "PPM" if _PPM.match(head) else ""


def is_readable(kind: str) -> bool:
    """Return whether image files of this kind can be read here."""
    return kind in BUILT_IN_KINDS or has_decoder(kind)


@functools.cache
def has_decoder(kind: str) -> bool:
    """Return whether the module that reads this kind is installed."""
    return kind in DECODERS and importlib.util.find_spec(DECODERS[kind]) is not None


def how_to_read(kind: str) -> str:
    """Return what to do with image files of a kind that cannot be read here."""
    if kind in DECODERS:
        return f"pip install 'zoobench[{EXTRA}]' reads {kind}"
    return f"convert {kind} to PNG or JPEG"
