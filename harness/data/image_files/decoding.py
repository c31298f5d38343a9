"""Decoding: one policy for every kind of image file, so that all datasets are read in the same way.

==============================  ====================================================================
file                            outcome
==============================  ====================================================================
EXIF orientation                turned upright
RGBA, LA, transparent palette   composited on white
one transparent colour (tRNS)   composited on white
palette                         its colours
CMYK, YCbCr, LAB, HSV           converted to RGB by Pillow's fixed formulas; ICC profiles are ignored
grey (1, L, LA, I;16, I)        one channel; three equal ones where the dataset also has colour
1-bit                           0 and 255
16-bit grey                     scaled linearly: round(value / 257)
16-bit colour                   its high bytes; with one transparent colour, scaled as 16-bit grey
32-bit integer grey             as 16-bit if all values are in 0..65535, else unreadable
16 or 32 bits, with bit_depth   scaled by that range (:mod:`~.bit_depth`); unreadable if a value exceeds it
floating point                  unreadable: it has no stated range
animated, several pages         the first frame
1×1 and other tiny images       scaled up
another size than wanted        scaled, cropped or padded as the trial's preparation says (:mod:`~.fitting`)
truncated file                  unreadable
HEIC, JPEG XL                   as other colour images where ``zoobench[photos]`` is installed, else unreadable
text or anything else           unreadable, whatever its name says; formats beyond :data:`~.opening.FORMATS` too
more than MAX_PIXELS            unreadable, and never decompressed
==============================  ====================================================================

An image counts as grey by how it is stored, not by its pixels. What becomes of unreadable images is described in
:mod:`harness.data.prepare`. Shape suffixes: H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.image_files.bit_depth import Reopen, is_deep, is_grey_alpha, peak_of, raw_mode_of, to_eight_bits
from harness.data.image_files.fitting import fit_image
from harness.data.image_files.jpeg import draft, scale_for
from harness.data.image_files.opening import MAX_PIXELS, SAVE_ANEW, Encoded, UnreadableImageError, opened_image
from zoo.preparation import Preparation

VERSION = 4
"""Incremented whenever the same file may give different pixels; part of the cache key."""

CHANGES = {
    2: "PNG files with one transparent colour and 2, 4 or 16 bits per sample",
    3: "PNG files with 16-bit colour and one transparent colour, or 16-bit grey and alpha",
    4: "images that are not square (by up to half a pixel)",
}
"""The files that a version decodes differently from the version before."""

_GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"})
_GREY_SCALES = {"L;2": 85, "L;4": 17}
"""Factors by which Pillow scales grey values with fewer than 8 bits."""
_SWAPPED_ORIENTATIONS = (5, 6, 7, 8)
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns an image upright, by its EXIF orientation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageHeader:
    """The properties of an image that are known before decoding."""

    width: int
    """Width of the upright image in pixels."""
    height: int
    is_grey: bool


def read_header(source: Encoded) -> ImageHeader:
    """Read the size and kind of an image without decoding it.

    Raises:
        UnreadableImageError: If the file is not an image, or too large.
    """
    with opened_image(source) as image:
        width, height = image.size
        # Pillow itself swaps the size of a rotated TIFF. Reading a PNG's EXIF would decode it, because the EXIF may
        # come after the pixels.
        if image.format in ("JPEG", "MPO", "WEBP") and _orientation(image) in _SWAPPED_ORIENTATIONS:
            width, height = height, width
        is_grey = image.mode in _GREY_MODES or is_grey_alpha(raw_mode_of(image))
        return ImageHeader(width=width, height=height, is_grey=is_grey)


def decode(
    source: Encoded,
    *,
    channels: int,
    preparation: Preparation,
    max_pixels: int = MAX_PIXELS,
    bit_depth: int | None = None,
    on_deep_image: Callable[[int], None] | None = None,
) -> NDArray[np.uint8]:
    """Decode an image to ``uint8`` ``[size, size, channels]``.

    Args:
        preparation: How it is fitted into a square; its size is not open.
        max_pixels: Maximum width × height; larger images are never decompressed. :data:`MAX_PIXELS` applies as well.
        bit_depth: Number of bits that the values of images with more than 8 bits per sample use, 1 to 16; None: all.
        on_deep_image: Called with the maximum value of an image with more than 8 bits per sample (for 16-bit colour,
            the maximum that its high bytes allow).

    Raises:
        UnreadableImageError: If the image cannot be decoded.
    """
    with opened_image(source, max_pixels) as image:
        reopen = partial(opened_image, source, max_pixels)
        upright = _upright(image, reopen, channels=channels, bit_depth=bit_depth, on_deep_image=on_deep_image)
        return fit_image(upright, preparation)


def decode_upright(
    source: Encoded, *, channels: int, least_side: int, bit_depth: int | None = None
) -> NDArray[np.uint8]:
    """Decode a whole image upright to ``uint8`` ``[H, W, channels]``.

    Args:
        least_side: A JPEG file is decoded at the smallest fraction of its size (see :mod:`~.jpeg`) that keeps this many
            pixels of its shorter side.
        bit_depth: As in :func:`decode`.

    Raises:
        UnreadableImageError: If the image cannot be decoded.
    """
    with opened_image(source) as image:
        if image.format == "JPEG":
            draft(image, scale_for(image.width, image.height, least_side))
        pixels = np.asarray(_upright(image, partial(opened_image, source), channels=channels, bit_depth=bit_depth))
        return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _upright(
    image: Image.Image,
    reopen: Reopen,
    *,
    channels: int,
    bit_depth: int | None,
    on_deep_image: Callable[[int], None] | None = None,
) -> Image.Image:
    """Load an opened image, and return it upright, in 8-bit grey or RGB."""
    raw_mode = raw_mode_of(image)
    image.load()
    turn = _TURNS.get(_orientation(image) or 1)
    upright: Image.Image = image
    if is_deep(image, raw_mode):
        if on_deep_image is not None:
            on_deep_image(peak_of(image))
        upright = to_eight_bits(image, raw_mode, bit_depth, reopen)
    if turn is not None:
        upright = upright.transpose(turn)
    return _convert(upright, channels, raw_mode)


def fit_array(image_HWC: NDArray[np.uint8], *, channels: int, preparation: Preparation) -> NDArray[np.uint8]:
    """Convert pixels in the same way as :func:`decode` converts a file."""
    size = preparation.scaled_size
    if image_HWC.shape == (size, size, channels) and size == preparation.size:
        return image_HWC
    grey = image_HWC.shape[2] == 1
    image = Image.fromarray(np.ascontiguousarray(image_HWC[:, :, 0] if grey else image_HWC))
    return fit_image(_convert(image, channels), preparation)


def change_since(version: int) -> str:
    """Return a sentence on the files that are decoded differently than by *version*; empty if there are none."""
    if version == VERSION:
        return ""
    changes = [CHANGES.get(each, "") for each in range(version + 1, VERSION + 1)]
    if changes and all(changes):
        return f"{' and '.join(changes)} are decoded differently than in the training; all other images are not"
    return f"images were decoded by version {version} of zoo's decoding in the training, and are by {VERSION} here"


def _orientation(image: Image.Image) -> int | None:
    if image.format == "JXL":  # the decoder applies the orientation in its header, which takes precedence over EXIF
        return None
    value = image.getexif().get(_ORIENTATION_TAG)
    return value if isinstance(value, int) else None


def _convert(image: Image.Image, channels: int, raw_mode: str = "") -> Image.Image:
    """Convert *image* to 8-bit grey or RGB."""
    mode = "L" if channels == 1 else "RGB"
    if image.mode == mode and "transparency" not in image.info:
        return image
    if image.mode == "F":
        raise UnreadableImageError(f"floating-point pixels have no stated range: {SAVE_ANEW}")
    _fix_transparency(image, raw_mode)
    if image.has_transparency_data:
        opaque = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(opaque, image.convert("RGBA"))
    return image.convert(mode)


def _fix_transparency(image: Image.Image, raw_mode: str) -> None:
    """Scale the transparent colour to the pixels, because a PNG states it in the bit depth of the file."""
    colour = image.info.get("transparency")
    if isinstance(colour, int) and raw_mode in _GREY_SCALES:
        image.info["transparency"] = colour * _GREY_SCALES[raw_mode]
