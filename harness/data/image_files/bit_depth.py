"""Bit depths: images with more than 8 bits per sample, and how their values become 8 bits.

Pillow keeps the values of 16-bit grey, but of 16-bit colour only the high bytes. For the low bytes, the file is decoded
once more with the bytes of each sample in the opposite order. Shape suffixes: H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from harness.data.image_files.opening import SAVE_ANEW
from harness.records.spec import MAX_BIT_DEPTH

_SWAPPED = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBA")
    for order, other in (("L", "B"), ("B", "L"), ("N", "B" if np.little_endian else "L"))
}
"""Raw modes that read the low byte of each sample, by those that read the high byte."""
_GREY_ALPHA = "LA;16B"
"""Raw mode of grey PNGs with alpha, which Pillow calls RGBA. Read as four bytes per pixel, it gives all of them."""

Reopen = Callable[[], AbstractContextManager[Image.Image]]
"""Opens the image file once more."""


def raw_mode_of(image: Image.Image) -> str:
    """Return Pillow's raw mode of an image that is not loaded yet, such as ``RGB;16B``."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def is_grey_alpha(raw_mode: str) -> bool:
    """Return whether an image is 16-bit grey with alpha."""
    return raw_mode == _GREY_ALPHA


def is_deep(image: Image.Image, raw_mode: str) -> bool:
    """Return whether an image has more than 8 bits per sample."""
    return ";16" in raw_mode or image.mode.startswith("I")


def peak_of(image: Image.Image) -> int:
    """Return the maximum value in a deep image; for 16-bit colour, the maximum that its high bytes allow."""
    largest = int(np.asarray(image).max())
    return largest if image.mode.startswith("I") else (largest << 8) + 255


def to_eight_bits(image: Image.Image, raw_mode: str, bit_depth: int | None, reopen: Reopen) -> Image.Image:
    """Return a deep image with 8 bits per sample: ``round(value × 255 / (2^bit_depth - 1))``.

    The transparent colour of a PNG (tRNS) becomes white.

    Args:
        image: The loaded image.
        raw_mode: Its raw mode before it was loaded.
        bit_depth: Number of bits that its values use; None: 16, and of colour only the high bytes.
        reopen: Opens the file once more.

    Raises:
        ValueError: If a value exceeds the range, or the bits of this kind of image cannot be read.
    """
    colour = image.info.get("transparency")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        return Image.fromarray(_scaled(values, bit_depth, values == colour))
    if bit_depth is None and not isinstance(colour, tuple):
        return image
    if is_grey_alpha(raw_mode):
        with reopen() as whole:
            bytes_HWC = np.asarray(_loaded(whole, "RGBA")).astype(np.int64)
        scaled_HWC = _scaled((bytes_HWC[..., 0::2] << 8) + bytes_HWC[..., 1::2], bit_depth)
        return Image.fromarray(scaled_HWC[..., [0, 0, 0, 1]])
    if raw_mode not in _SWAPPED:
        raise ValueError(f"the bits of images of the kind {raw_mode} cannot be read")
    with reopen() as low:
        low_HWC = np.asarray(_loaded(low, _SWAPPED[raw_mode]))
    values_HWC = (np.asarray(image).astype(np.int64) << 8) + low_HWC
    is_clear_HW = (values_HWC[..., :3] == colour).all(axis=-1) if isinstance(colour, tuple) else None
    return Image.fromarray(_scaled(values_HWC, bit_depth, is_clear_HW))


def _loaded(image: Image.Image, raw_mode: str) -> Image.Image:
    assert isinstance(image, ImageFile.ImageFile)
    image.tile = [
        tile._replace(args=(raw_mode, *tile.args[1:]) if isinstance(tile.args, tuple) else raw_mode)
        for tile in image.tile
    ]
    image.load()
    return image


def _scaled(
    values: NDArray[np.int64], bit_depth: int | None, is_clear_HW: NDArray[np.bool_] | None = None
) -> NDArray[np.uint8]:
    limit = (1 << (bit_depth or MAX_BIT_DEPTH)) - 1
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > limit:
        beyond = low if low < 0 else high
        if bit_depth is None:
            raise ValueError(
                f"its value {beyond:,} is not in 0..{limit:,}, so that its range is not known: {SAVE_ANEW}"
            )
        raise ValueError(f"its value {beyond:,} is not in 0..{limit:,}, the range of {bit_depth} bits")
    scaled = ((values * 510 + limit) // (2 * limit)).astype(np.uint8)
    if is_clear_HW is not None:
        scaled[is_clear_HW] = 255
    return scaled
