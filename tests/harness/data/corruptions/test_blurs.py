"""Blurs: weights that sum to 1, and known results."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from harness.data.corruptions.blurs import defocus_blur, disk, gaussian_blur, glass_blur, motion_blur, zoom_blur


@pytest.fixture
def generators() -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(2)]


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(5).random((2, 32, 32, 3))


@pytest.mark.parametrize(
    ("blur", "parameters"),
    [
        (gaussian_blur, (1,)),
        (defocus_blur, (1.5, 0.1)),
        (glass_blur, (0.4, 1, 2)),
        (motion_blur, (9, 2.5)),
        (zoom_blur, (1.26, 0.01)),
    ],
)
def test_an_image_of_one_tone_stays_as_it_is(blur, parameters, generators) -> None:
    tone = np.full((2, 32, 32, 3), 0.4)
    assert blur(tone, generators, *parameters) == pytest.approx(tone)


@pytest.mark.parametrize(("radius", "alias", "num_pixels"), [(0.3, 0.4, 1), (1, 0.2, 5), (3, 0.1, 29), (10, 0.5, 317)])
def test_a_disk_has_the_pixels_within_its_radius(radius: float, alias: float, num_pixels: int) -> None:
    weights = disk(radius, alias)
    assert weights.sum() == pytest.approx(1)
    middle = len(weights) // 2
    assert (weights > 0.5 * weights[middle, middle]).sum() == num_pixels


def test_a_point_out_of_focus_becomes_the_disk(generators) -> None:
    point = np.zeros((2, 33, 33, 1))
    point[:, 16, 16] = 1
    found = defocus_blur(point, generators, 4, 0.5)
    assert found[0, 8:25, 8:25, 0] == pytest.approx(disk(4, 0.5))


def test_glass_only_moves_pixels(generators, images) -> None:
    found = glass_blur(images, generators, 0, 2, 2)
    assert not np.array_equal(found, images)
    for one, other in zip(found, images, strict=True):
        assert np.array_equal(np.sort(one.reshape(-1, 3), axis=0), np.sort(other.reshape(-1, 3), axis=0))


def test_motion_smears_to_one_side_within_45_degrees(generators) -> None:
    point = np.zeros((2, 41, 41, 1))
    point[:, 20, 20] = 1
    for image in motion_blur(point, generators, 9, 2.5):
        rows, columns = np.nonzero(image[:, :, 0])
        assert image.sum() == pytest.approx(1)
        assert columns.max() == 20
        assert (np.abs(rows - 20) <= 20 - columns + 1).all()


def test_zooming_is_the_mean_over_enlargements_by_linear_interpolation(generators, images) -> None:
    factors = np.arange(1, 1.11, 0.01)
    total = images.copy()
    for factor in factors:
        length = int(np.ceil(32 / factor))
        top = (32 - length) // 2
        for place, image in enumerate(images):
            larger = ndimage.zoom(image[top : top + length, top : top + length], (factor, factor, 1), order=1)
            trim = (len(larger) - 32) // 2
            total[place] += larger[trim : trim + 32, trim : trim + 32]
    assert zoom_blur(images, generators, 1.11, 0.01) == pytest.approx(total / (len(factors) + 1))
