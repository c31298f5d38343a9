"""Losses of storage: coarser pixels and JPEG compression. Shape suffixes: N images, H height, W width, C channels."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

Images = NDArray[np.float64]


def pixelate(images_NHWC: Images, generators_N: Sequence[Generator], share: float) -> Images:
    """Shrink the sides to a *share* and enlarge them again, both by box averages."""
    side = images_NHWC.shape[1]
    small = max(1, int(side * share))

    def coarser(image: Image.Image) -> Image.Image:
        return image.resize((small, small), Image.Resampling.BOX).resize((side, side), Image.Resampling.BOX)

    return _with_pillow(images_NHWC, coarser)


def jpeg_compression(images_NHWC: Images, generators_N: Sequence[Generator], quality: int) -> Images:
    """Write as JPEG of a *quality* from 1 to 95, and read again."""

    def stored(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return _with_pillow(images_NHWC, stored)


def _with_pillow(images_NHWC: Images, change: Callable[[Image.Image], Image.Image]) -> Images:
    """Apply *change* to each image."""
    found = []
    for image_HWC in np.rint(images_NHWC * 255).astype(np.uint8):
        image = Image.fromarray(image_HWC[:, :, 0] if image_HWC.shape[2] == 1 else image_HWC)
        found.append(np.asarray(change(image)).reshape(image_HWC.shape))
    # Half a step more, so that truncation gives these bytes again.
    return (np.stack(found) + 0.5) / 255
