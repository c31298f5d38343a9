"""Mean and standard deviation of pixels."""

from __future__ import annotations

import numpy as np
import pytest

from harness.data.moments import moments_of_histogram, moments_of_sums, sum_images
from tests.harness.data.toy_splits import TEST, TRAIN, Prepare, splits
from zoo.dataset import Split, Splits


def test_both_ways_give_the_moments_of_the_pixels() -> None:
    images_NHWC = np.random.default_rng(0).integers(0, 256, (300, 4, 4, 3), dtype=np.uint8)
    histogram = np.stack([np.bincount(images_NHWC[..., c].ravel(), minlength=256) for c in range(3)])
    values = images_NHWC.reshape(-1, 3) / 255
    for mean, std in (moments_of_histogram(histogram), moments_of_sums(*sum_images(images_NHWC), 16)):
        assert mean == pytest.approx(values.mean(axis=0))
        assert std == pytest.approx(values.std(axis=0))


def test_a_channel_that_never_varies_can_be_divided_by() -> None:
    images_NHWC = np.full((2, 2, 2, 1), 7, dtype=np.uint8)
    assert moments_of_sums(*sum_images(images_NHWC), 4) == (pytest.approx((7 / 255,)), (1 / 255,))


def test_mean_and_std_are_those_of_the_training_pixels(prepare: Prepare) -> None:
    prepared = prepare(splits(TRAIN, TEST))
    pixels = prepared.load("train").images_NHWC / 255
    assert prepared.mean == pytest.approx(pixels.mean(axis=(0, 1, 2)))
    assert prepared.std == pytest.approx(pixels.std(axis=(0, 1, 2)))


def test_a_channel_that_never_varies_can_still_be_divided_by(prepare: Prepare) -> None:
    flat = Split(images=np.full((8, 4, 4, 1), 7, dtype=np.uint8), labels=np.arange(8) % 2)
    assert prepare(Splits(classes=("a", "b"), train=flat)).std == (1 / 255,)
