"""Moments: mean and standard deviation of pixels per channel, for values scaled to [0, 1].

The standard deviation of a constant channel is set to one grey level, so that it can be divided by.
Shape suffixes: N images, H height, W width, C channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Moments = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation of each channel."""

_BATCH = 256
_SMALLEST_STD = 1 / 255


def moments_of_histogram(histogram: NDArray[np.int64]) -> Moments:
    """Return the moments of pixels from their counts by channel and value, ``[C, 256]``."""
    values = np.arange(256) / 255
    count = histogram.sum(axis=1)
    mean = (histogram @ values) / count
    variance = (histogram @ values**2) / count - mean**2
    return _moments(mean, variance)


def sum_images(images_NHWC: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sum and the sum of squares of each image's values, ``[N, C]``."""
    sums, squares = [], []
    for start in range(0, len(images_NHWC), _BATCH):
        values = images_NHWC[start : start + _BATCH].astype(np.int64)
        sums.append(values.sum(axis=(1, 2)))
        squares.append((values**2).sum(axis=(1, 2)))
    return np.concatenate(sums), np.concatenate(squares)


def moments_of_sums(sums_NC: NDArray[np.int64], squares_NC: NDArray[np.int64], pixels: int) -> Moments:
    """Return the moments of images with *pixels* pixels each, from the sums of :func:`sum_images`."""
    count = len(sums_NC) * pixels
    mean_C = sums_NC.sum(axis=0) / (255 * count)
    return _moments(mean_C, squares_NC.sum(axis=0) / (255**2 * count) - mean_C**2)


def _moments(mean_C: NDArray[np.float64], variance_C: NDArray[np.float64]) -> Moments:
    std_C = np.maximum(np.sqrt(np.maximum(variance_C, 0.0)), _SMALLEST_STD)
    return tuple(float(each) for each in mean_C), tuple(float(each) for each in std_C)
