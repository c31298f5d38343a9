"""Cheapest first: the trials of a seed in the order of their cost, seed by seed."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from harness.bench.cheapest import cheapest_first
from harness.data.images import PreparedData
from harness.records.spec import ArchitectureSpec, DatasetSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.trial.resolved_trial import ResolvedTrial

PREPARED = PreparedData(
    folder="x", fingerprint="f", classes=("a", "b"), image_size=32, channels=3, mean=(0.5,) * 3, std=(0.5,) * 3,
    mirror_symmetric=True, num_train=2, num_val=1, num_test=1,
)  # fmt: skip
MACS = {"small": 10, "middle": 100, "large": 1000, "odd": None}


class Jobs:
    """Counts networks by their names."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def emit(self, event: object) -> None:
        pass

    def ask(self, kind: str, **values: Any) -> Any:
        names = [network["architecture"] for network in values["arguments"]["networks"]]
        self.asked.append(names)
        return [MACS[name] for name in names]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))


def trial(model: str, seed: int = 0, number: int = 1, **settings: Any) -> ResolvedTrial:
    provider = ProviderSpec(plugin="p")
    spec = TrialSpec(
        architecture=ArchitectureSpec(full_name=model, display_name=model, provider=provider),
        dataset=DatasetSpec(full_name="p/set", display_name="set", provider=provider),
        recipe=RecipeSpec(full_name="p/r", display_name="r", provider=provider, hyperparameters=settings),
        seed=seed,
    )
    return ResolvedTrial(spec=spec, result_key="key", prepared=PREPARED, number=number)


def names(trials: list[ResolvedTrial]) -> list[tuple[str, int]]:
    return [(each.spec.architecture.full_name, each.spec.seed) for each in trials]


def test_the_cheapest_of_each_seed_comes_first_and_what_is_unknown_last():
    given = [trial(model, seed) for seed in (3, 1) for model in ("odd", "large", "small", "middle")]
    wanted = [(model, seed) for seed in (3, 1) for model in ("small", "middle", "large", "odd")]
    assert names(cheapest_first(given, Jobs(), {}, deadline=math.inf).trials) == wanted


def test_a_training_costs_its_epochs_and_a_head_on_features_one_pass():
    given = [trial("small", epochs=200), trial("large", epochs=200, train_per_class=0)]
    assert names(cheapest_first(given, Jobs(), {}, deadline=math.inf).trials) == [("large", 0), ("small", 0)]


def test_networks_are_counted_once():
    jobs = Jobs()
    given = [trial(model, seed) for seed in (0, 1) for model in ("large", "small")]
    cheapest_first(given, jobs, {}, deadline=math.inf)
    cheapest_first(given, jobs, {}, deadline=math.inf)
    assert [sorted(asked) for asked in jobs.asked] == [["large", "small"]]


class SlowJobs(Jobs):
    """Counts two networks in the time that it is given, which it notes."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def ask(self, kind: str, **values: Any) -> Any:
        self.seconds.append(values["arguments"]["seconds"])
        return super().ask(kind, **values)[:2]


def test_sizing_up_takes_an_eighth_of_the_budget_and_the_next_bench_goes_on_with_the_rest():
    jobs = SlowJobs()
    given = [trial(model) for model in ("odd", "large", "middle", "small")]
    first = cheapest_first(given, jobs, {}, deadline=time.monotonic() + 80)
    assert 9 < jobs.seconds[0] <= 10
    counted = jobs.asked[0][:2]
    known = sorted((model for model in counted if MACS[model] is not None), key=lambda model: MACS[model])
    assert [name for name, _ in names(first.trials)][: len(known)] == known
    (note,) = first.notes
    assert note.startswith("2 of 4 networks could not be sized up within the budget")
    second = cheapest_first(given, jobs, {}, deadline=time.monotonic() + 80)
    assert [name for name, _ in names(second.trials)] == ["small", "middle", "large", "odd"]
    assert second.notes == ()
    assert sorted(jobs.asked[1]) == sorted(set(MACS) - set(counted))


def test_one_network_needs_no_counting():
    jobs = Jobs()
    assert names(cheapest_first([trial("large", 0), trial("large", 1)], jobs, {}, deadline=math.inf).trials) == [
        ("large", 0),
        ("large", 1),
    ]
    assert jobs.asked == []
