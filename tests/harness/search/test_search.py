"""A search proposes trials in an order that depends on results only, until its budget is spent."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Mapping
from typing import Any

import pytest

from harness.records.study_file import study_path, write_study
from harness.search.search import SEED, Search, Tried
from zoo.options import Option

from .toy_search import ToySearch, answer, result


def best_of(search: Search) -> Tried:
    best = search.best()
    assert best is not None
    return best


def peak(settings: Mapping[str, Option]) -> float:
    knob: Any = settings["recipe.knob"]
    return 1 - abs(knob - 0.7)


def test_the_planted_peak_of_a_recipe_is_found_in_sixteen_trials(toys: ToySearch) -> None:
    search = toys.search()
    answer(search, peak)
    best = search.best()
    assert best is not None
    assert best.values["recipe.knob"] == pytest.approx(0.7, abs=0.05)


def test_trial_0_is_the_recipe_as_it_is_and_all_trials_share_a_seed_and_never_test(toys: ToySearch) -> None:
    search = toys.search(measure_seconds=1, best_inference=True)
    (first,) = search.due()
    assert first.values == {}
    assert first.spec is not None
    assert first.spec.recipe == search.combination.spec.recipe
    answer(search, peak)
    specs = [each.spec for each in search.tried if each.spec is not None]
    assert {spec.seed for spec in specs} == {SEED}
    assert {spec.execution.tests for spec in specs} == {False}
    assert {spec.execution.measure_seconds for spec in specs} == {0}


def test_the_budget_of_trials_counts_the_default_and_repeated_settings(toys: ToySearch) -> None:
    search = toys.search("plain", tune=12, space={"recipe.lr": "off", "recipe.weight_decay": "off",
        "recipe.momentum": "off", "recipe.beta1": "off"})  # fmt: skip
    answer(search, lambda settings: 0.5)
    assert len(search.tried) == 12
    assert search.is_over
    assert sum(each.same_as is None for each in search.tried) == 2
    assert {each.result.value for each in search.tried if each.result} == {0.5}


def test_a_budget_of_time_ends_the_search_by_the_seconds_of_its_trials(toys: ToySearch) -> None:
    search = toys.search(tune=None, tune_budget="5m")
    answer(search, peak)  # a minute each
    assert len(search.tried) == 5
    assert (search.spent_seconds, search.is_over) == (300, True)
    both = toys.search(tune=3, tune_budget="5m")
    answer(both, peak)
    assert len(both.tried) == 3


@pytest.mark.parametrize("at_a_time", [1, 2, 4])
def test_proposals_do_not_depend_on_the_order_in_which_trials_end(toys: ToySearch, at_a_time: int) -> None:
    expected = None
    for seed in range(4):
        search = toys.search(at_a_time=at_a_time)
        running = search.due()
        most = 0
        while running:
            most = max(most, len(running))
            tried = running.pop(random.Random(seed).randrange(len(running)))
            search.take(tried.number, result(peak({"recipe.knob": 0.1, **tried.values})))
            running += search.due()
        found = [each.values for each in search.tried]
        expected = expected or found
        assert found == expected
        assert most == at_a_time
        assert search.is_over


def test_a_search_killed_anywhere_and_replayed_goes_on_with_the_same_trials(toys: ToySearch) -> None:
    whole = toys.search()
    expected = answer(whole, peak)
    for killed_after in range(0, 16, 3):
        killed = toys.search()
        answer(killed, peak, most=killed_after)
        replayed = toys.search()
        assert answer(replayed, peak) == expected
        assert [each.values for each in killed.tried] == expected[: len(killed.tried)]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
@pytest.mark.parametrize("pruner", ["none", "asha", "hyperband"])
def test_a_longer_search_begins_with_the_trials_of_a_shorter_one(toys: ToySearch, pruner: str, sampler: str) -> None:
    def trials(number: int) -> list[tuple[Mapping[str, Option], str, float | None]]:
        search = toys.search(tune=number, epochs=9, pruner=pruner, sampler=sampler, at_a_time=2)
        answer(search, peak)
        return [(each.values, each.result.outcome, each.result.value) for each in search.tried if each.result]

    whole = trials(32)
    assert len(whole) == 32
    assert ("pruned" in {outcome for _, outcome, _ in whole}) == (pruner != "none")
    for number in (8, 16):
        assert trials(number) == whole[:number]


def test_other_seeds_for_repeats_give_other_trials(toys: ToySearch) -> None:
    (row,) = toys.rows(tune_repeats=2)
    first, second = (answer(search, peak) for search in row.searches)
    assert first != second
    seeds = [{each.spec.seed for each in search.tried if each.spec} for search in row.searches]
    assert seeds == [{SEED}, {SEED + 1}]


def test_ties_go_to_the_lower_loss_and_then_to_the_first(toys: ToySearch) -> None:
    search = toys.search(tune=4)
    losses = iter([0.5, 0.2, 0.2, 0.1])
    values = iter([0.9, 0.9, 0.9, 0.8])
    while due := search.due():
        for tried in due:
            search.take(tried.number, result(next(values), loss=next(losses)))
    best = search.best()
    assert best is not None
    assert best.number == 1


def test_failed_trials_count_and_never_win(toys: ToySearch) -> None:
    search = toys.search(tune=3)
    for value in (None, 0.2, None):
        (tried,) = search.due()
        search.take(tried.number, result(value))
    best = search.best()
    assert search.is_over
    assert best is not None
    assert best.number == 1
    assert search.value(0) is None


def test_settings_that_do_not_go_together_count_as_trials_without_a_run(toys: ToySearch) -> None:
    search = toys.search("plain", tune=12, space={"recipe.warmup_epochs": "uniform(0, 4)"})
    answer(search, lambda settings: 0.5)
    invalid = [each for each in search.tried if each.spec is None]
    assert invalid
    assert {each.result.outcome for each in invalid if each.result} == {"invalid"}
    assert all("longer than the training" in each.result.reason for each in invalid if each.result)
    assert search.is_over


def test_a_setting_that_nothing_reads_ends_the_search_with_its_name(toys: ToySearch) -> None:
    search = toys.search("idle")
    for _ in range(2):
        (tried,) = search.due()
        search.take(tried.number, result(0.9, weights="same"))
    assert "recipe.idle = 0.5 and" in search.problem
    assert search.is_over
    assert search.due() == []


def test_the_key_is_of_the_settings_the_space_and_the_sampler_and_not_of_the_budget(toys: ToySearch) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"sampler": "random"},
        {"space": {"recipe.knob": "uniform(0, 0.5)"}},
        {"epochs": 2},
        {"data": ["bright"], "set": {"data.poison": True}},
    ]
    keys = [toys.search(**change).key for change in changes]
    assert len(set(keys)) == len(keys)
    assert toys.search(tune=99).key == keys[0]


def test_the_file_of_a_study_holds_what_was_tried(toys: ToySearch) -> None:
    search = toys.search(tune=8)
    answer(search, peak)
    file = search.file()
    assert [each.number for each in file.trials] == list(range(8))
    assert file.best == best_of(search).number
    assert file.trials[0].values == {}
    assert file.importances == {"recipe.knob": pytest.approx(1)}
    assert (file.budget, file.space) == ("8 trials", {"recipe.knob": "uniform(0, 1)"})


def test_the_machinery_takes_less_than_a_fifth_of_a_second_per_trial(toys: ToySearch) -> None:
    """A function answers here; the benchmark in tests/benchmarks/test_search.py runs the trials."""
    search: Search = toys.search("plain", tune=64)
    path = study_path(toys.folder, search.key, 0)
    waiting = search.due()  # imports Optuna's sampler
    rates = itertools.cycle([0.3, 0.5, 0.4])
    began = time.process_time()  # of this process alone, so that other work on the machine hardly changes it
    while waiting:
        tried = waiting.pop(0)
        search.take(tried.number, result(next(rates), weights=f"{tried.number}"), f"trial-{tried.number}")
        waiting += search.due()
        write_study(path, search.file())
    assert len(search.tried) == 64
    assert search.is_over
    assert (time.process_time() - began) / 64 < 0.2


def run_with_rungs(search: Search, order: int = 0) -> list[tuple[int, int | None, str]]:
    """Answer a search whose trials pause; return what ran: number, epoch of the pause, and how the trial ended."""
    ran = []
    running = search.due()
    while running:
        tried = running.pop(random.Random(order).randrange(len(running)))
        pause = tried.pause_after
        search.take(tried.number, result(peak({"recipe.knob": 0.1, **tried.values})), f"trial-{tried.number}")
        ran.append((tried.number, pause, tried.result.outcome if tried.result else ""))
        running += search.due()
    return ran


@pytest.mark.parametrize("pruner", ["asha", "hyperband"])
def test_hopeless_trials_stop_at_a_rung_and_others_go_on_to_the_end(toys: ToySearch, pruner: str) -> None:
    search = toys.search(pruner=pruner, epochs=9)
    ran = run_with_rungs(search)
    assert (0, None, "done") in ran
    outcomes = [each.result.outcome for each in search.tried if each.result]
    assert len(outcomes) == 16
    assert outcomes.count("pruned") >= 4
    assert outcomes.count("done") >= 2
    assert search.is_over
    assert best_of(search).values["recipe.knob"] == pytest.approx(0.7, abs=0.1)
    for each in search.tried:
        paused = [pause for number, pause, _ in ran if number == each.number]
        assert paused == sorted(paused, key=lambda pause: pause or 99)
    assert {each.outcome for each in search.file().trials} == {"done", "pruned"}


def test_what_is_pruned_does_not_depend_on_the_order_in_which_trials_end(toys: ToySearch) -> None:
    found = []
    for order in range(4):
        search = toys.search(pruner="asha", epochs=9, at_a_time=3)
        run_with_rungs(search, order)
        found.append([(each.values, each.at_rungs, each.result and each.result.outcome) for each in search.tried])
    assert found[1:] == found[:-1]


def test_a_search_with_a_pruner_is_another_one(toys: ToySearch) -> None:
    assert len({toys.search(pruner=pruner).key for pruner in ("none", "asha", "hyperband")}) == 3
