"""Corruptions: the same for an image wherever it is, none at severity 0, and stronger with severity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.data.corruptions.corruption import (
    CORRUPTIONS,
    SEVERITIES,
    corrupt,
    find_corruption,
    table_for,
)
from zoo.errors import UnknownNameError


def photographs(side: int = 32, count: int = 6, channels: int = 3) -> np.ndarray:
    """Smooth colour gradients with an edge and some texture."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side] / side
    base = np.stack([rows, columns, (rows > columns) * 0.8], axis=2)[None, ..., :channels]
    images = base * rng.uniform(0.3, 1, (count, 1, 1, channels)) * 200 + rng.normal(
        25, 6, (count, side, side, channels)
    )
    return images.clip(0, 255).astype(np.uint8)


SAMPLES = np.array([2**63 + 5, 7, 2**64 - 1, 0, 12345, 99], dtype=np.uint64)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_severity_0_gives_the_same_bits(name: str) -> None:
    images = photographs()
    assert corrupt(images, SAMPLES, CORRUPTIONS[name], 0).tobytes() == images.tobytes()


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("severity", [1, 5])
def test_an_image_is_corrupted_in_the_same_way_whatever_else_is_in_the_batch(name: str, severity: int) -> None:
    images = photographs()
    together = corrupt(images, SAMPLES, CORRUPTIONS[name], severity)
    assert together.dtype == np.uint8
    assert together.shape == images.shape
    for place in (4, 1):
        alone = corrupt(images[place : place + 1], SAMPLES[place : place + 1], CORRUPTIONS[name], severity)
        assert np.array_equal(alone[0], together[place])
    assert not np.array_equal(together, images)


# Saturation first falls and then rises, and published shears shrink while the fields of elastic deformation grow.
@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - {"saturate", "elastic_transform"}))
@pytest.mark.parametrize("side", [32, 96])
def test_the_highest_severity_changes_images_more_than_the_lowest(name: str, side: int) -> None:
    images = photographs(side)

    def change(severity: int) -> float:
        return float(np.abs(corrupt(images, SAMPLES, CORRUPTIONS[name], severity) - images.astype(float)).mean())

    assert 0 < change(1) < change(5)


def test_random_corruptions_differ_between_images_and_severities() -> None:
    same = np.full((2, 32, 32, 3), 128, dtype=np.uint8)
    for name in ("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "fog"):
        one, other = corrupt(same, SAMPLES[:2], CORRUPTIONS[name], 3)
        assert not np.array_equal(one, other), name


def test_grey_images_have_all_corruptions_but_that_of_saturation() -> None:
    grey = photographs(channels=1)
    assert [each.name for each in CORRUPTIONS.values() if each.needs_colour] == ["saturate"]
    for each in CORRUPTIONS.values():
        if not each.needs_colour:
            assert corrupt(grey, SAMPLES, each, 2).shape == grey.shape


def test_the_published_table_follows_from_the_size() -> None:
    assert [table_for(side) for side in (28, 64, 65, 224)] == ["CIFAR-10-C", "CIFAR-10-C", "ImageNet-C", "ImageNet-C"]
    noise = CORRUPTIONS["gaussian_noise"]
    assert [noise.parameters(32, severity)[0] for severity in SEVERITIES] == [0.04, 0.06, 0.08, 0.09, 0.10]
    assert [noise.parameters(224, severity)[0] for severity in SEVERITIES] == [0.08, 0.12, 0.18, 0.26, 0.38]
    assert all(len(each.small) == len(each.large) == 5 for each in CORRUPTIONS.values())


def test_an_unknown_name_gets_near_ones() -> None:
    assert find_corruption("fog").name == "fog"
    with pytest.raises(UnknownNameError, match="gaussian_noise"):
        find_corruption("gausian_noise")


def test_each_severity_draws_random_numbers_of_its_own() -> None:
    """With one parameter at all severities, only their random numbers differ."""
    noise = replace(CORRUPTIONS["gaussian_noise"], small=[(0.1,)] * 5)
    images = photographs()
    assert not np.array_equal(corrupt(images, SAMPLES, noise, 1), corrupt(images, SAMPLES, noise, 2))
    assert np.array_equal(corrupt(images, SAMPLES, noise, 1), corrupt(images, SAMPLES, noise, 1))


def test_values_are_truncated_and_clipped() -> None:
    def constant(images_NHWC: np.ndarray, generators: object, value: float) -> np.ndarray:
        return np.full_like(images_NHWC, value)

    images = photographs()
    for value, pixel in ((0.999, 254), (0.5, 127), (1.5, 255), (-0.5, 0)):
        flat = replace(CORRUPTIONS["gaussian_noise"], apply=constant, small=[(value,)] * 5)
        assert set(corrupt(images, SAMPLES, flat, 1).ravel()) == {pixel}
