"""Tones: as in HSV, pixel by pixel."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from harness.data.corruptions.tones import brightness, contrast, saturate


@pytest.fixture
def images() -> np.ndarray:
    images = np.random.default_rng(1).random((1, 6, 6, 3))
    images[0, 0] = [[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    return images


def by_pixel(images: np.ndarray, change) -> np.ndarray:
    found = [colorsys.hsv_to_rgb(*change(*colorsys.rgb_to_hsv(*pixel))) for pixel in images.reshape(-1, 3).tolist()]
    return np.array(found).reshape(images.shape)


def test_brightness_adds_to_the_value(images) -> None:
    expected = by_pixel(images, lambda hue, saturation, value: (hue, saturation, min(value + 0.3, 1)))
    assert brightness(images, [], 0.3) == pytest.approx(expected)


@pytest.mark.parametrize(("factor", "more"), [(0.3, 0), (2, 0.1), (20, 0.2)])
def test_saturation_is_scaled_and_raised(images, factor: float, more: float) -> None:
    expected = by_pixel(images, lambda hue, saturation, value: (hue, min(saturation * factor + more, 1), value))
    assert saturate(images, [], factor, more) == pytest.approx(expected)


def test_contrast_shrinks_the_distance_to_the_mean_of_each_channel() -> None:
    image = np.zeros((1, 2, 2, 3))
    image[0, :, :, 0] = [[0, 1], [0, 1]]
    image[0, :, :, 1] = 0.3
    found = contrast(image, [], 0.4)
    assert found[0, :, :, 0] == pytest.approx(np.array([[0.3, 0.7], [0.3, 0.7]]))
    assert found[0, :, :, 1] == pytest.approx(np.full((2, 2), 0.3))
