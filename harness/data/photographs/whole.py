"""Whole images: decoded with their aspect ratio, and reduced to what random crops of a size need.

The shorter side is reduced to a rung of a ladder, so that networks with similar input sizes share stored images. It is
never enlarged. JPEG files are decoded at a fraction of their size if that leaves enough pixels, which saves most of the
time for a photograph of 12 megapixels. Shape suffixes: H height, W width, C channels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.image_files.decoding import decode_upright
from harness.data.image_files.jpeg import decode_jpeg
from harness.data.image_files.opening import MAX_PIXELS, Encoded, UnreadableImageError
from zoo.dataset import FilePart
from zoo.files.plain_files import IMAGE, PACK, open_plain, read_bytes

VERSION = 1
"""Incremented whenever the same file may give different pixels."""

RUNGS = (32, 48, 64, 96, 128, 192, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 2048)
"""Lengths in pixels that shorter sides are reduced to."""

_CROP_MARGIN = 1.5
"""Shorter side of a stored image relative to that of a network's input. A random crop covers about 60 % of the side on
average, so that it is neither reduced nor enlarged much."""
_LEAST_SHARE = 0.75
"""Shortest side of a decoded JPEG file relative to the rung: 500×375 pixels of a photograph of 4000×3000 serve as
well as 512×384, and are decoded in less time."""


def rung_for(size: int) -> int:
    """Return the rung for random crops that are scaled to *size* pixels."""
    wanted = _CROP_MARGIN * size
    return next((rung for rung in RUNGS if rung >= wanted), RUNGS[-1])


def decode_whole(source: Encoded, *, channels: int, rung: int, bit_depth: int | None = None) -> NDArray[np.uint8]:
    """Decode an image upright to ``uint8`` ``[H, W, channels]``, with a shorter side of at most *rung* pixels.

    *bit_depth* is that of :func:`harness.data.image_files.decoding.decode`.

    Raises:
        UnreadableImageError: If it cannot be decoded.
    """
    least_side = int(_LEAST_SHARE * rung)
    content = _content(source)
    pixels_HWC = decode_jpeg(content, channels=channels, least_side=least_side, max_pixels=MAX_PIXELS)
    if pixels_HWC is None:
        pixels_HWC = decode_upright(content, channels=channels, least_side=least_side, bit_depth=bit_depth)
    return reduce(pixels_HWC, rung)


def whole_of_array(pixels_HWC: NDArray[np.uint8], *, channels: int, rung: int) -> NDArray[np.uint8]:
    """Convert pixels in the same way as :func:`decode_whole` converts a file."""
    if pixels_HWC.shape[2] != channels:
        image = Image.fromarray(np.ascontiguousarray(pixels_HWC[:, :, 0] if channels == 3 else pixels_HWC))
        pixels_HWC = np.asarray(image.convert("RGB" if channels == 3 else "L")).reshape(*pixels_HWC.shape[:2], channels)
    return reduce(pixels_HWC, rung)


def reduce(pixels_HWC: NDArray[np.uint8], rung: int) -> NDArray[np.uint8]:
    """Reduce the shorter side to *rung* pixels if it is longer."""
    height, width, channels = pixels_HWC.shape
    shorter = min(height, width)
    if shorter <= rung:
        return pixels_HWC
    image = Image.fromarray(np.ascontiguousarray(pixels_HWC[:, :, 0] if channels == 1 else pixels_HWC))
    size = (max(1, round(width * rung / shorter)), max(1, round(height * rung / shorter)))
    reduced = np.asarray(image.resize(size, Image.Resampling.BICUBIC))
    return reduced if reduced.ndim == 3 else reduced[:, :, None]


def _content(source: Encoded) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        if isinstance(source, FilePart):
            with open_plain(source.path, PACK) as file:
                file.seek(source.start)
                return file.read(source.size)
        assert isinstance(source, Path)
        return read_bytes(source, IMAGE)
    except OSError as error:
        raise UnreadableImageError(error.strerror or str(error)) from error
