"""JPEG: decoding photographs faster than Pillow does, to the same pixels, and large ones at a fraction of their size.

`simplejpeg <https://pypi.org/project/simplejpeg/>`_ (``zoobench[photos]``) is used if it is installed and gives
Pillow's pixels: both call libjpeg-turbo, but a build of Pillow may use another library, so they are compared once in
each process. Whatever is unusual about a file (colours other than YCbCr and grey, EXIF, damage) is left to Pillow,
which decides what becomes of it.
"""

from __future__ import annotations

import functools
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.image_files.metadata_limits import MAX_BLOCK_BYTES

SCALES = (8, 4, 2, 1)
"""The fractions of its size at which libjpeg decodes an image in less time: one eighth, a quarter, a half."""

_MAX_SEGMENTS = 1000
_SOI, _APP1, _SOS = b"\xff\xd8", 0xE1, 0xDA


def scale_for(width: int, height: int, least_side: int) -> int:
    """Return the largest of :data:`SCALES` at which the shorter side keeps at least *least_side* pixels, else 1."""
    return next((scale for scale in SCALES if -(-min(width, height) // scale) >= least_side), 1)


def decode_jpeg(content: bytes, *, channels: int, least_side: int, max_pixels: int) -> NDArray[np.uint8] | None:
    """Decode an ordinary JPEG file to ``uint8`` ``[H, W, channels]``, or return None if Pillow has to.

    Args:
        content: The file.
        channels: 1 for grey, 3 for colour.
        least_side: The image is decoded at the largest of :data:`SCALES` that keeps this many pixels of its shorter
            side.
        max_pixels: Maximum width × height; larger images are left to Pillow.
    """
    library = _library()
    if library is None or not content.startswith(_SOI) or _may_have_exif(content):
        return None
    try:
        height, width, space, _ = library.decode_jpeg_header(content)
        if width * height > max_pixels or not (space == "Gray" or (space == "YCbCr" and channels == 3)):
            return None
        return _decode(library, content, channels, scale_for(width, height, least_side), (width, height))
    except ValueError:  # damaged, or unknown to it
        return None


def _decode(library: Any, content: bytes, channels: int, scale: int, size: tuple[int, int]) -> NDArray[np.uint8] | None:
    width, height = (-(-side // scale) for side in size)
    pixels: NDArray[np.uint8] = library.decode_jpeg(
        content, colorspace="RGB" if channels == 3 else "GRAY", min_width=width, min_height=height, strict=True
    )
    return pixels if pixels.shape == (height, width, channels) else None


def _may_have_exif(content: bytes) -> bool:
    """Return whether a segment before the pixels may state an orientation."""
    place = 2
    for _ in range(_MAX_SEGMENTS):
        if place + 4 > len(content) or content[place] != 0xFF or place > MAX_BLOCK_BYTES:
            break
        marker = content[place + 1]
        if marker in (_APP1, _SOS):
            return marker == _APP1
        place += 2 + int.from_bytes(content[place + 2 : place + 4])
    return True  # padded, damaged, or with more segments than Pillow may accept


@functools.cache
def _library() -> Any:
    """Return the module simplejpeg, or None if it is not installed or does not give Pillow's pixels."""
    try:
        import simplejpeg
    except (ImportError, OSError):
        return None
    return simplejpeg if _gives_pillows_pixels(simplejpeg) else None


def _gives_pillows_pixels(library: Any) -> bool:
    """Compare it with Pillow for each kind of chroma subsampling, grey, progressive files and every scale."""
    size = (53, 37)
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    image = coarse.resize(size, Image.Resampling.BICUBIC)
    kinds: list[tuple[str, dict[str, Any]]] = [("RGB", {"subsampling": number}) for number in range(3)]
    for mode, options in [*kinds, ("RGB", {"progressive": True}), ("L", {})]:
        buffer = io.BytesIO()
        image.convert(mode).save(buffer, "JPEG", quality=90, **options)
        channels = len(mode)
        for scale in SCALES:
            try:
                pixels = _decode(library, buffer.getvalue(), channels, scale, size)
            except ValueError:
                return False
            if pixels is None or not np.array_equal(pixels, _by_pillow(buffer.getvalue(), scale)):
                return False
    return True


def _by_pillow(content: bytes, scale: int) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content)) as image:
        draft(image, scale)
        pixels = np.asarray(image)
        return pixels if pixels.ndim == 3 else pixels[:, :, None]


def draft(image: Image.Image, scale: int) -> None:
    """Make Pillow decode an opened JPEG at 1 / *scale* of its size, one of :data:`SCALES`."""
    if scale > 1:
        image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))
