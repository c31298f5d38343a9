"""Fitting: a decoded image scaled, cropped or padded to the square input of a network.

Pillow does the scaling, with the rounding of torchvision's and timm's transforms, so that the pixels are those that
published weights were evaluated on. Shape suffixes: H height, W width, C channels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.preparation import USUAL, Preparation

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def fit_image(image: Image.Image, preparation: Preparation) -> NDArray[np.uint8]:
    """Return an 8-bit grey or RGB image as ``uint8`` ``[size, size, C]``.

    What *preparation* leaves open is as in :data:`zoo.preparation.USUAL`; its size is not open.
    """
    preparation = preparation.over(USUAL)
    assert preparation.size is not None, "the size is resolved before images are prepared"
    size, scaled = preparation.size, preparation.scaled_size
    width, height = image.size
    if preparation.fit == "squash":
        shape = (scaled, scaled)
    elif preparation.fit == "pad":
        ratio = max(width, height) / scaled
        shape = (max(1, round(width / ratio)), max(1, round(height / ratio)))
    else:
        longer = int(scaled * max(width, height) / min(width, height))
        shape = (scaled, longer) if width <= height else (longer, scaled)
    image = _scaled(image, shape, preparation)
    image = _padded(image, size, preparation)
    left, top = (round((each - size) / 2) for each in image.size)
    if image.size != (size, size):
        image = image.crop((left, top, left + size, top + size))
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _scaled(image: Image.Image, shape: tuple[int, int], preparation: Preparation) -> Image.Image:
    if image.size == shape:
        return image
    how = _FILTERS[preparation.interpolation or "bicubic"]
    if preparation.antialias:
        return image.resize(shape, how)
    # An affine map samples at single points, unlike Pillow's resize, whose filters widen as images shrink.
    return image.transform(shape, Image.Transform.EXTENT, (0, 0, *image.size), resample=how)


def _padded(image: Image.Image, size: int, preparation: Preparation) -> Image.Image:
    """Return an image of at least *size* pixels in each direction, with the given one in its centre."""
    width, height = (max(size, each) for each in image.size)
    if image.size == (width, height):
        return image
    channels = len(image.getbands())
    fill = preparation.colour(channels) if preparation.fit == "pad" else (0,) * channels
    padded = Image.new(image.mode, (width, height), fill if len(fill) > 1 else fill[0])
    padded.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return padded
