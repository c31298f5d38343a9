"""Noise of four kinds. Shape suffixes: N images, H height, W width, C channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Images = NDArray[np.float64]


def gaussian_noise(images_NHWC: Images, generators_N: Sequence[Generator], scale: float) -> Images:
    """Add normal noise with a standard deviation of *scale*."""
    return images_NHWC + scale * _normal(images_NHWC, generators_N)


def speckle_noise(images_NHWC: Images, generators_N: Sequence[Generator], scale: float) -> Images:
    """Add normal noise with a standard deviation of *scale* times the value of the pixel."""
    return images_NHWC + images_NHWC * scale * _normal(images_NHWC, generators_N)


def shot_noise(images_NHWC: Images, generators_N: Sequence[Generator], photons: float) -> Images:
    """Replace each value by a count of photons (Poisson noise); a value of 1 is *photons* on average."""
    pairs = zip(images_NHWC, generators_N, strict=True)
    return np.stack([generator.poisson(image_HWC * photons) / photons for image_HWC, generator in pairs])


def impulse_noise(images_NHWC: Images, generators_N: Sequence[Generator], share: float) -> Images:
    """Set a *share* of all values to 0 or 1, as likely one as the other."""
    uniform_NHWC = np.stack([generator.random(images_NHWC.shape[1:]) for generator in generators_N])
    return np.where(uniform_NHWC < share, uniform_NHWC < share / 2, images_NHWC)


def _normal(images_NHWC: Images, generators_N: Sequence[Generator]) -> Images:
    return np.stack([generator.standard_normal(images_NHWC.shape[1:]) for generator in generators_N])
