"""Random fields: where they are nothing, nothing changes; elsewhere, within their bounds."""

from __future__ import annotations

import numpy as np
import pytest

from harness.data.corruptions.shapes import elastic_transform, fog, plasma


@pytest.fixture
def generators() -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(2)]


def test_a_field_without_strength_moves_nothing(generators) -> None:
    images = np.random.default_rng(5).random((2, 20, 20, 3))
    assert elastic_transform(images, generators, 0, 0.1, 0) == pytest.approx(images)


def test_three_points_move_the_image_with_them() -> None:
    """A ramp that is moved by an affine map is a ramp again."""

    class Moves:
        def uniform(self, low, high, size):
            return np.full(size, high) if size == (3, 2) else np.zeros(size)

    rows, columns = np.mgrid[:30, :30] / 100.0
    found = elastic_transform(np.stack([rows, columns], axis=2)[None], [Moves()], 0, 0.1, 0.1)  # type: ignore[list-item]
    assert found[0, 5:25, 5:25, 0] == pytest.approx(rows[5:25, 5:25] - 0.03)
    assert found[0, 5:25, 5:25, 1] == pytest.approx(columns[5:25, 5:25] - 0.03)


def test_pixels_move_no_further_than_the_strength(generators) -> None:
    rows, columns = np.mgrid[:40, :40] / 40.0
    images = np.stack([np.stack([rows, columns], axis=2)] * 2)
    moved = np.abs(elastic_transform(images, generators, 0.05, 0.02, 0) - images).max()
    assert 0 < moved <= 0.05 + 1e-9


def test_a_height_map_runs_from_0_to_1_and_differs_between_images(generators) -> None:
    one, other = plasma(generators, 32, 2)
    assert (one.min(), one.max(), other.min(), other.max()) == (0, 1, 0, 1)
    assert not np.array_equal(one, other)
    # Neighbours are more alike than distant points: the noise shrinks with the distance.
    assert np.abs(one - np.roll(one, 1, axis=0)).mean() < np.abs(one - np.roll(one, 16, axis=0)).mean()


def test_fog_lightens_within_the_range_of_the_image(generators) -> None:
    images = np.full((2, 32, 32, 3), 0.5)
    found = fog(images, generators, 1, 2)
    assert found.min() == pytest.approx(0.5 * 0.5 / 1.5)
    assert found.max() == pytest.approx(1.5 * 0.5 / 1.5)
