"""The suggestion of a range test: a tenth of the rate of the lowest smoothed loss, and a range around it."""

from __future__ import annotations

import math

import pytest

from harness.planning.rising_rates import STEPS, rising_rates
from harness.search.lr_range import LrRange

LRS = rising_rates()


def bowl(best: float) -> list[float]:
    """Return losses that fall from 2.3 to 0.3 at *best*, and rise steeply from there."""
    return [2.3 - 2 / (1 + (best / lr) ** 2) * 2 if lr < best else 0.3 + 3 * math.log10(lr / best) for lr in LRS]


@pytest.mark.parametrize("best", [1e-3, 0.05, 1.0])
def test_the_suggestion_is_a_tenth_of_the_rate_of_the_lowest_loss(best: float) -> None:
    found = LrRange.of("a · b · c", 0.05, LRS, bowl(best))
    assert found.problem == ""
    assert found.lr_of_minimum == pytest.approx(best, rel=0.15)
    assert found.suggestion == pytest.approx(best / 10, rel=0.2)


def test_noise_of_single_steps_does_not_decide() -> None:
    losses = bowl(0.05)
    losses[20] = -5.0  # one lucky batch at 5e-6: its window's mean is no minimum
    losses[20] = 0.2
    assert LrRange.of("t", 0.05, LRS, losses).lr_of_minimum == pytest.approx(0.05, rel=0.15)


def test_the_space_is_a_power_of_ten_to_each_side_and_can_be_searched() -> None:
    from zoo.space import parse_dimension

    found = LrRange.of("t", 0.05, LRS, bowl(0.05))
    assert found.suggestion is not None
    (dimension,) = map(parse_dimension, found.space.values())
    assert list(found.space) == ["recipe.lr"]
    assert dimension.kind == "log"
    assert (dimension.low, dimension.high) == (
        pytest.approx(found.suggestion / 10, rel=0.02), pytest.approx(found.suggestion * 10, rel=0.02),
    )  # fmt: skip


def test_the_ends_are_smoothed_over_the_steps_that_there_are() -> None:
    found = LrRange.of("t", 0.05, LRS[:12], [float(step) for step in range(12)])
    assert found.smoothed[0] == pytest.approx(2.5)
    assert found.smoothed[6] == pytest.approx(6.0)
    assert found.smoothed[11] == pytest.approx(8.5)


@pytest.mark.parametrize(
    ("losses", "problem"),
    [
        ([2.3] * STEPS, "the loss did not fall at any rate from 1e-06 to 1e+01"),
        ([2.3 + step / 10 for step in range(50)], "the loss did not fall at any rate from 1e-06 to"),
        ([2.3, 9.0], "training diverged within 2 steps"),
        ([], "training diverged within 0 steps"),
    ],
)
def test_where_nothing_follows_the_reason_is_told(losses: list[float], problem: str) -> None:
    found = LrRange.of("t", 0.05, LRS[: len(losses)], losses)
    assert found.problem.startswith(problem)
    assert found.lr_of_minimum is None
    assert found.suggestion is None
    assert found.space == {}
