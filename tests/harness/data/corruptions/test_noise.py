"""Noise: its size is the one of the published parameters."""

from __future__ import annotations

import numpy as np
import pytest

from harness.data.corruptions.noise import gaussian_noise, impulse_noise, shot_noise, speckle_noise

GREY = np.full((1, 200, 200, 3), 0.25)


@pytest.fixture
def generators() -> list[np.random.Generator]:
    return [np.random.default_rng(0)]


def test_gaussian_noise_has_the_standard_deviation_that_is_given(generators) -> None:
    found = gaussian_noise(GREY, generators, 0.1)
    assert found.std() == pytest.approx(0.1, rel=0.02)
    assert found.mean() == pytest.approx(0.25, abs=0.002)


def test_speckle_noise_grows_with_the_value(generators) -> None:
    assert speckle_noise(GREY, generators, 0.2).std() == pytest.approx(0.05, rel=0.02)
    assert not speckle_noise(np.zeros((1, 8, 8, 3)), generators, 0.2).any()


def test_shot_noise_has_the_variance_of_counts(generators) -> None:
    found = shot_noise(GREY, generators, 100)
    assert found.var() == pytest.approx(0.25 / 100, rel=0.03)
    assert found * 100 == pytest.approx(np.rint(found * 100))


def test_impulse_noise_sets_a_share_of_the_values_half_to_each_end(generators) -> None:
    found = impulse_noise(GREY, generators, 0.1)
    assert (found == 0).mean() == pytest.approx(0.05, abs=0.003)
    assert (found == 1).mean() == pytest.approx(0.05, abs=0.003)
    assert ((found == 0.25) | (found == 0) | (found == 1)).all()
