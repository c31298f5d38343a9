"""Pixels: the scale for computing with colours, independent of the images' dtype.

Input and output images are ``uint8`` in [0, 255] or floating point in [0, 1]; computations use ``float32`` in [0, 255].
"""

from __future__ import annotations

import torch
from torch import Tensor


def to_pixels(values: Tensor) -> Tensor:
    """Convert ``uint8`` or floating-point images, or a colour, to ``float32`` in [0, 255]."""
    floats = values.float()
    return floats * 255 if values.is_floating_point() else floats


def from_pixels(pixels_BCHW: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert images to *dtype*, clipped to its scale, in channels-last memory."""
    if dtype == torch.uint8:
        return pixels_BCHW.round().clamp(0, 255).to(dtype, memory_format=torch.channels_last)
    return (pixels_BCHW / 255).clamp(0, 1).to(dtype, memory_format=torch.channels_last)
