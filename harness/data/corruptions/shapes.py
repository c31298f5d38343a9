"""Random fields: elastic deformation and fog. Shape suffixes: N images, H height, W width, C channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Images = NDArray[np.float64]


def elastic_transform(
    images_NHWC: Images, generators_N: Sequence[Generator], strength: float, smoothness: float, shear: float
) -> Images:
    """Move three points at random, with the image on them, and then each pixel by a smooth random field.

    All three parameters are shares of the side: the largest move of a pixel before the field is smoothed, the standard
    deviation of the Gaussian that smooths it, and the largest move of the three points.
    """
    side = images_NHWC.shape[1]
    pairs = zip(images_NHWC, generators_N, strict=True)
    return np.stack(
        [
            _elastic(image_HWC, generator, strength * side, smoothness * side, shear * side)
            for image_HWC, generator in pairs
        ]
    )


def _elastic(image_HWC: Images, generator: Generator, strength: float, sigma: float, shear: float) -> Images:
    from scipy import ndimage

    side = len(image_HWC)
    center, arm = side // 2, side // 3
    points_32 = np.array(
        [[center + arm, center + arm], [center + arm, center - arm], [center - arm, center - arm]], dtype=np.float64
    )
    moved_32 = points_32 + generator.uniform(-shear, shear, size=points_32.shape)
    # The affine map from moved points, as rows (column, row, 1), back to those that they came from.
    back_32 = np.linalg.solve(np.hstack([moved_32, np.ones((3, 1))]), points_32)
    rows, columns = np.mgrid[:side, :side].astype(np.float64)
    from_columns, from_rows = np.moveaxis(np.stack([columns, rows, np.ones_like(rows)], axis=2) @ back_32, 2, 0)
    image_HWC = _sampled(image_HWC, from_rows, from_columns, mode="mirror")
    fields = generator.uniform(-1, 1, size=(2, side, side))
    right, down = ndimage.gaussian_filter(fields, (0, sigma, sigma), mode="reflect", truncate=3) * strength
    return _sampled(image_HWC, rows + down, columns + right, mode="reflect")


def _sampled(image_HWC: Images, rows: Images, columns: Images, *, mode: Literal["mirror", "reflect"]) -> Images:
    """Return the values at *rows* and *columns*, linearly interpolated."""
    from scipy import ndimage

    channels = [
        ndimage.map_coordinates(image_HWC[:, :, channel], np.stack([rows, columns]), order=1, mode=mode)
        for channel in range(image_HWC.shape[2])
    ]
    return np.stack(channels, axis=2)


def fog(images_NHWC: Images, generators_N: Sequence[Generator], density: float, decay: float) -> Images:
    """Add *density* times a fractal height map, and scale back to the brightest value of each image."""
    side = images_NHWC.shape[1]
    brightest_N111 = images_NHWC.max(axis=(1, 2, 3), keepdims=True)
    maps_NHW1 = plasma(generators_N, 1 << (side - 1).bit_length(), decay)[:, :side, :side, None]
    return np.asarray((images_NHWC + density * maps_NHW1) * brightest_N111 / (brightest_N111 + density))


def plasma(generators_N: Sequence[Generator], side: int, decay: float) -> Images:
    """Return a fractal height map in [0, 1] for each generator, by the diamond-square algorithm on a torus.

    Args:
        generators_N: Give the random numbers.
        side: Side of the maps; a power of two.
        decay: How much smaller random steps get at each halving of the distance between points.
    """
    maps_NHW = np.zeros((len(generators_N), side, side))
    step, wobble = side, 100.0

    def with_noise(sums_NHW: Images, wobble: float) -> Images:
        noise = [generator.uniform(-wobble, wobble, sums_NHW.shape[1:]) for generator in generators_N]
        return sums_NHW / 4 + wobble * np.stack(noise)

    while step >= 2:
        half = step // 2
        corners_NHW = maps_NHW[:, ::step, ::step]
        sums_NHW = corners_NHW + np.roll(corners_NHW, -1, axis=1)
        maps_NHW[:, half::step, half::step] = with_noise(sums_NHW + np.roll(sums_NHW, -1, axis=2), wobble)
        middles_NHW = maps_NHW[:, half::step, half::step]
        for axis, into in ((1, np.s_[:, ::step, half::step]), (2, np.s_[:, half::step, ::step])):
            around_NHW = middles_NHW + np.roll(middles_NHW, 1, axis=axis)
            corners_sum_NHW = corners_NHW + np.roll(corners_NHW, -1, axis=3 - axis)
            maps_NHW[into] = with_noise(around_NHW + corners_sum_NHW, wobble)
        step, wobble = half, wobble / decay
    low_N11, high_N11 = maps_NHW.min(axis=(1, 2), keepdims=True), maps_NHW.max(axis=(1, 2), keepdims=True)
    return np.asarray((maps_NHW - low_N11) / (high_N11 - low_N11))
