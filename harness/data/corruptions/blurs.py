"""Blurs of five kinds. Shape suffixes: N images, H height, W width, C channels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Images = NDArray[np.float64]


def gaussian_blur(images_NHWC: Images, generators_N: Sequence[Generator], sigma: float) -> Images:
    """Average over a Gaussian window with a standard deviation of *sigma* pixels."""
    from scipy import ndimage

    return np.asarray(ndimage.gaussian_filter(images_NHWC, (0, sigma, sigma, 0), mode="nearest", truncate=4))


def defocus_blur(images_NHWC: Images, generators_N: Sequence[Generator], radius: float, alias: float) -> Images:
    """Average over a disk with a radius in pixels, whose edge is smoothed by a Gaussian of *alias* pixels."""
    from scipy import ndimage

    weights = disk(radius, alias)
    edge = next(place for place, line in enumerate(weights) if line.any())  # many of its lines are empty
    kernel = weights[edge : len(weights) - edge, edge : len(weights) - edge][None, :, :, None]
    return np.asarray(ndimage.correlate(images_NHWC, kernel, mode="mirror"))


def disk(radius: float, alias: float) -> NDArray[np.float64]:
    """Return the weights of a disk, which sum to 1."""
    from scipy import ndimage

    reach, taps = (8, 1) if radius <= 8 else (math.ceil(radius), 2)
    offsets = np.arange(-reach, reach + 1)
    weights = (offsets[:, None] ** 2 + offsets**2 <= radius**2).astype(np.float64)
    window = np.exp(-(np.arange(-taps, taps + 1) ** 2) / (2 * alias**2))
    for axis in (0, 1):
        weights = ndimage.correlate1d(weights / weights.sum(), window / window.sum(), axis=axis, mode="mirror")
    return np.asarray(weights / weights.sum())


def glass_blur(images_NHWC: Images, generators_N: Sequence[Generator], sigma: float, reach: int, rounds: int) -> Images:
    """Blur, swap pixels with others at most *reach* away, each once per round, and blur again."""
    num_images, side = images_NHWC.shape[:2]
    blurred_NHWC = gaussian_blur(images_NHWC, generators_N, sigma)
    places = range(side - reach, reach, -1)
    shape = (rounds, len(places), len(places), 2)
    moves_N = np.stack([generator.integers(-reach, reach, size=shape) for generator in generators_N])
    every = np.arange(num_images)
    for number in range(rounds):
        for row, height in enumerate(places):
            for column, width in enumerate(places):
                high, wide = (moves_N[:, number, row, column] + (height, width)).T
                here_NC = blurred_NHWC[:, height, width].copy()
                blurred_NHWC[:, height, width] = blurred_NHWC[every, high, wide]
                blurred_NHWC[every, high, wide] = here_NC
    return gaussian_blur(blurred_NHWC, generators_N, sigma)


def motion_blur(images_NHWC: Images, generators_N: Sequence[Generator], radius: int, sigma: float) -> Images:
    """Average along a line at a random angle of at most 45°, with weights that fall like half a Gaussian.

    The weights are those of ImageMagick's motion blur: ``2 radius + 1`` pixels to one side.
    """
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    weights /= weights.sum()
    side = np.arange(images_NHWC.shape[1])
    blurred_NHWC = np.zeros_like(images_NHWC)
    for place, generator in enumerate(generators_N):
        angle = math.radians(generator.uniform(-45, 45))
        for step, weight in zip(steps.tolist(), weights.tolist(), strict=True):
            down, right = (math.ceil(step * way - 0.5) for way in (math.sin(angle), math.cos(angle)))
            rows, columns = np.clip(side + down, 0, side[-1]), np.clip(side + right, 0, side[-1])
            blurred_NHWC[place] += weight * images_NHWC[place][rows[:, None], columns]
    return blurred_NHWC


def zoom_blur(images_NHWC: Images, generators_N: Sequence[Generator], end: float, step: float) -> Images:
    """Average over the image and enlargements of its middle, by factors from 1 to *end* in steps."""
    factors = np.arange(1, end, step)
    total_NHWC = images_NHWC.copy()
    for factor in factors.tolist():
        weights = _zoom_weights(images_NHWC.shape[1], factor)
        total_NHWC += np.einsum("ih,jw,nhwc->nijc", weights, weights, images_NHWC, optimize=True)
    return np.asarray(total_NHWC / (len(factors) + 1))


def _zoom_weights(side: int, factor: float) -> NDArray[np.float64]:
    """Return the matrix ``[side, side]`` that enlarges the middle of a line by linear interpolation."""
    length = math.ceil(side / factor)
    first = (side - length) // 2
    enlarged = round(length * factor)
    places = np.arange(side) + (enlarged - side) // 2
    positions = places * (length - 1) / max(enlarged - 1, 1)
    below = np.minimum(positions.astype(int), length - 1)
    above = np.minimum(below + 1, length - 1)
    share = positions - below
    weights = np.zeros((side, side))
    np.add.at(weights, (np.arange(side), first + below), 1 - share)
    np.add.at(weights, (np.arange(side), first + above), share)
    return weights
