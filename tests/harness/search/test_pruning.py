"""Which trials stop early: the worse two thirds at each rung, by results known beforehand, and never the default."""

from __future__ import annotations

import pytest

from harness.search.pruning import bracket_of, goes_on, rungs_of


@pytest.mark.parametrize(
    ("epochs", "rungs"), [(30, (1, 3, 10)), (12, (1, 4)), (9, (1, 3)), (3, (1,)), (2, ()), (1, ()), (100, (3, 11, 33))]
)
def test_rungs_are_thirds_of_the_training(epochs: int, rungs: tuple[int, ...]) -> None:
    assert rungs_of("asha", epochs, 1) == rungs


def test_the_default_and_a_search_without_a_pruner_are_never_stopped() -> None:
    assert rungs_of("asha", 30, 0) == rungs_of("hyperband", 30, 0) == rungs_of("none", 30, 5) == ()


def test_hyperband_begins_later_in_some_trials_which_are_compared_among_themselves() -> None:
    assert [rungs_of("hyperband", 30, number) for number in range(1, 6)] == [(3, 10), (10,), (), (1, 3, 10), (3, 10)]
    assert [bracket_of("hyperband", 30, number) for number in range(6)] == [0, 1, 2, 3, 0, 1]
    assert bracket_of("asha", 30, 5) == 0


@pytest.mark.parametrize(
    ("value", "others", "expected"),
    [
        (0.1, [], True),
        (0.5, [0.6], False),
        (0.6, [0.5], True),
        (0.6, [0.6], True),
        (0.5, [0.1, 0.2, 0.3, 0.4, 0.6], True),
        (0.4, [0.1, 0.2, 0.3, 0.5, 0.6], False),
    ],
)
def test_a_trial_goes_on_among_the_best_third(value: float, others: list[float], expected: bool) -> None:
    assert goes_on(value, others) is expected
