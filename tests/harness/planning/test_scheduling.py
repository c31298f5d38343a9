"""In which order trials start, and when the last of them ends."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest

from harness.planning.scheduling import makespan, of_one_seed, order
from harness.records.spec import ArchitectureSpec, DatasetSpec, ProviderSpec, RecipeSpec, TrialSpec

_PROVIDER = ProviderSpec(plugin="tests")


@dataclass(frozen=True)
class _Trial:
    spec: TrialSpec

    def __str__(self) -> str:
        return f"{self.spec.dataset.display_name}{self.spec.seed}{self.spec.architecture.display_name}"


def _trial(text: str) -> _Trial:
    """Make a trial of ``d0a``: dataset d, seed 0, model a."""
    dataset, seed, model = text
    return _Trial(
        TrialSpec(
            architecture=ArchitectureSpec(full_name=f"tests/{model}", display_name=model, provider=_PROVIDER),
            dataset=DatasetSpec(full_name=f"tests/{dataset}", display_name=dataset, provider=_PROVIDER),
            recipe=RecipeSpec(full_name="tests/r", display_name="r", provider=_PROVIDER, hyperparameters={}),
            seed=int(seed),
        )
    )


def _ordered(text: str, seconds: dict[str, float]) -> str:
    trials = [_trial(each) for each in text.split()]
    return " ".join(map(str, order(trials, lambda spec: seconds.get(spec.architecture.display_name))))


def test_within_a_dataset_and_a_seed_the_longest_trial_starts_first() -> None:
    assert _ordered("d0a d0b d0c", {"a": 1, "b": 3, "c": 2}) == "d0b d0c d0a"


def test_all_models_have_a_seed_before_any_has_the_next() -> None:
    assert _ordered("d0a d0b d1a d1b", {"a": 1, "b": 100}) == "d0b d0a d1b d1a"


def test_a_dataset_is_done_before_the_next_one_begins() -> None:
    """So that a machine prepares and holds one at a time."""
    assert _ordered("e0a d0a e1a d1a", {"a": 1}) == "e0a e1a d0a d1a"


def test_datasets_and_seeds_keep_the_order_in_which_they_were_asked_for() -> None:
    assert _ordered("z3a z2a y3a", {"a": 1}) == "z3a z2a y3a"


def test_a_trial_of_unknown_length_goes_before_those_that_are_known() -> None:
    """It could be the longest of all, and would then run alone at the end."""
    assert _ordered("d0a d0b d0c", {"a": 5, "c": 7}) == "d0b d0c d0a"


def test_trials_that_take_equally_long_keep_their_order() -> None:
    assert _ordered("d0c d0a d0b", {"a": 1, "b": 1, "c": 1}) == "d0c d0a d0b"
    assert _ordered("d0c d0a d0b", {}) == "d0c d0a d0b"


@pytest.mark.parametrize(
    ("trials", "expected"), [("", True), ("d0a d0b", True), ("d0a d1a", False), ("d0a d0b e0a", False)]
)
def test_trials_of_one_dataset_and_seed_are_ordered_by_time_alone(trials: str, expected: bool) -> None:
    assert of_one_seed([_trial(each) for each in trials.split()]) is expected


def test_one_slot_takes_the_sum() -> None:
    assert makespan([1.0, 2.0, 3.5], 1) == 6.5


def test_as_many_slots_as_trials_take_as_long_as_the_longest() -> None:
    assert makespan([1.0, 2.0, 3.5], 3) == makespan([1.0, 2.0, 3.5], 8) == 3.5


def test_a_trial_goes_to_the_slot_that_is_free_first() -> None:
    # 0–3 and 3–5 on one slot, 0–2, 2–4 and 4–5 on the other.
    assert makespan([3.0, 2.0, 2.0, 2.0, 1.0], 2) == 5.0


def test_nothing_takes_no_time() -> None:
    assert makespan([], 4) == 0.0


def test_the_worst_order_reaches_grahams_bound() -> None:
    """Many short trials and then a long one: 2 - 1 / slots times the optimum."""
    slots = 4
    short = [1.0] * (slots * (slots - 1))
    assert makespan([*short, float(slots)], slots) == 2 * slots - 1
    assert makespan([float(slots), *short], slots) == slots


def test_the_longest_first_is_never_far_from_the_optimum() -> None:
    """Graham's bound of 1969, against all ways to share 7 trials among 3 slots."""
    for seconds in itertools.islice(itertools.combinations_with_replacement((1.0, 2.0, 3.0, 5.0, 8.0), 7), 0, 330, 11):
        best = min(
            max(sum(each for each, slot in zip(seconds, shared, strict=True) if slot == number) for number in range(3))
            for shared in itertools.product(range(3), repeat=7)
        )
        assert best <= makespan(sorted(seconds, reverse=True), 3) <= (4 / 3 - 1 / 9) * best + 1e-9


def test_no_slots_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 slot"):
        makespan([1.0], 0)


def test_a_trial_with_many_threads_waits_until_that_many_cores_are_free() -> None:
    assert makespan([3.0, 2.0, 1.0], 2, threads=[1, 1, 2], cores=2) == 4.0
    assert makespan([3.0, 2.0, 1.0], 3, threads=[2, 2, 2], cores=2) == 6.0
    assert makespan([1.0, 1.0, 1.0, 1.0], 4, threads=[1, 1, 1, 1], cores=2) == 2.0


def test_one_with_more_threads_than_there_are_cores_takes_them_all() -> None:
    assert makespan([1.0, 1.0], 2, threads=[8, 1], cores=2) == 2.0
