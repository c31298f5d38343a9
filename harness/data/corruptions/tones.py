"""Changes of tone: brightness, contrast and saturation. Shape suffixes: N images, H height, W width, C channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Images = NDArray[np.float64]


def brightness(images_NHWC: Images, generators_N: Sequence[Generator], more: float) -> Images:
    """Add *more* to the value of each pixel in HSV, where hue and saturation stay as they are."""
    value_NHW1 = images_NHWC.max(axis=3, keepdims=True)
    brighter_NHW1 = np.clip(value_NHW1 + more, 0, 1)
    scale_NHW1 = np.divide(brighter_NHW1, value_NHW1, out=np.zeros_like(value_NHW1), where=value_NHW1 > 0)
    return np.asarray(np.where(value_NHW1 > 0, images_NHWC * scale_NHW1, brighter_NHW1))


def contrast(images_NHWC: Images, generators_N: Sequence[Generator], factor: float) -> Images:
    """Multiply the distance of each value from the mean of its channel by *factor*."""
    means_N11C = images_NHWC.mean(axis=(1, 2), keepdims=True)
    return np.asarray((images_NHWC - means_N11C) * factor + means_N11C)


def saturate(images_NHWC: Images, generators_N: Sequence[Generator], factor: float, more: float) -> Images:
    """Multiply the saturation of each pixel in HSV by *factor* and add *more*; grey counts as red, of hue 0."""
    value_NHW1 = images_NHWC.max(axis=3, keepdims=True)
    span_NHWC = value_NHW1 - images_NHWC
    widest_NHW1 = span_NHWC.max(axis=3, keepdims=True)
    saturation_NHW1 = np.divide(widest_NHW1, value_NHW1, out=np.zeros_like(value_NHW1), where=value_NHW1 > 0)
    wanted_NHW1 = np.clip(saturation_NHW1 * factor + more, 0, 1)
    # Each channel falls short of the value by saturation times value times a share that depends on the hue only.
    share_NHWC = np.divide(span_NHWC, widest_NHW1, out=np.zeros_like(images_NHWC), where=widest_NHW1 > 0)
    share_NHWC = np.where(widest_NHW1 > 0, share_NHWC, np.array([0.0, 1.0, 1.0]))
    return np.asarray(value_NHW1 * (1 - wanted_NHW1 * share_NHWC))
