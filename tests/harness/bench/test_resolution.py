"""From a plan to trials that are ready to run: what is missing is found before any of them runs."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.bench import resolution
from harness.bench.bench import run_bench
from harness.bench.machine import Machine
from harness.bench.resolution import Resolver, resolve
from harness.bench.settings import BenchSettings, RunLimits
from harness.data.images import PreparedData
from harness.data.settings import DataSettings
from harness.planning.plan import Plan
from harness.records.keys import result_key
from harness.records.spec import ExecutionSpec
from zoo.errors import ManyErrors, UsageError, ZooError
from zoo.events import Event, Progress
from zoo.preparation import USUAL, Preparation


def test_unavailable_data_end_the_bench_before_any_trial(bench: Any) -> None:
    with pytest.raises(ZooError, match="put the files into X"):
        bench.run("linear", data="absent")
    assert not list(bench.store.root.glob("*/record.json"))


@pytest.mark.skipif("__import__('torch').cuda.is_available()", reason="this machine has a CUDA device")
def test_a_missing_device_is_reported_before_any_trial(bench: Any) -> None:
    with pytest.raises(UsageError, match="no CUDA device"):
        bench.run("linear", device="cuda:3")


class FakeJobs:
    """Answers as a machine with one GPU would, and notes what it was asked."""

    def __init__(self, *, broken: tuple[str, ...] = ()) -> None:
        self.events: list[Event] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.emit = self.events.append
        self._broken = broken

    def ask(self, kind: str, **values: Any) -> Any:
        self.asked.append((kind, values))
        if kind in self._broken:
            raise UsageError(f"no {kind} of {values['dataset']['display_name']}" if kind == "prepare" else f"no {kind}")
        return MACHINE if kind == "probe" else PREPARED


MACHINE = {
    "device": "cuda:0",
    "precision": "bf16",
    "num_gpus": 1,
    "environment": {"threads": 16, "torch": "2.15.0"},
}
PREPARED = {
    "folder": "/prepared",
    "fingerprint": "f" * 64,
    "pixels": "p" * 64,
    "classes": ["dark", "light"],
    "image_size": 8,
    "channels": 1,
    "mean": [0.5],
    "std": [0.5],
    "mirror_symmetric": True,
    "num_train": 72,
    "num_val": 8,
    "num_test": 40,
}
DATA = DataSettings(data_root=Path("/data"), cache=Path("/cache"), download=False, cache_limit=5)


def one_thread(machine: Machine, execution: ExecutionSpec, num_trials: int) -> int:
    return 1


def test_open_settings_depend_on_the_machine(bench: Any) -> None:
    jobs = FakeJobs()
    arranged: list[tuple[Machine, ExecutionSpec, int]] = []

    def arrange(machine: Machine, execution: ExecutionSpec, num_trials: int) -> int:
        arranged.append((machine, execution, num_trials))
        return 3

    plan = bench.plan("linear", "slow")
    assert (plan.trials[0].execution.device, plan.trials[0].execution.precision) == ("auto", "auto")
    trials = resolve(plan, jobs, arrange=arrange, data=DATA)
    assert arranged == [(Machine.model_validate(MACHINE), plan.trials[0].execution, 2)]
    for number, (trial, asked) in enumerate(zip(trials, plan.trials, strict=True), start=1):
        execution = trial.spec.execution
        assert (execution.device, execution.precision, execution.threads) == ("cuda:0", "bf16", 3)
        assert execution.small_images in ("on", "off")
        assert trial.spec.architecture == asked.architecture
        assert trial.prepared == PreparedData.model_validate(PREPARED)
        assert trial.number == number
        assert trial.spec.preparation == Preparation(size=8).over(USUAL)
        key = result_key(trial.spec, fingerprint="f" * 64, pixels="p" * 64, torch_version="2.15.0")
        assert trial.result_key == key
    assert trials[0].result_key != trials[1].result_key


def test_a_dataset_is_prepared_once_for_all_its_trials(bench: Any) -> None:
    jobs = FakeJobs()
    trials = resolve(bench.plan("linear", "slow", seeds=3), jobs, arrange=one_thread, data=DATA)
    assert len(trials) == 6
    assert [kind for kind, _ in jobs.asked] == ["probe", "prepare"]
    values = jobs.asked[1][1]
    assert values.pop("dataset")["display_name"] == "shades"
    assert values.pop("wanted") == {"preparation": asdict(USUAL), "design_size": 224, "whole": False}
    assert values == {"data_root": "/data", "cache": "/cache", "download": False, "cache_limit": 5}
    assert [event.message for event in jobs.events if isinstance(event, Progress)] == ["starting", "preparing shades"]


def test_whole_images_are_wanted_where_the_recipe_crops_at_random(bench: Any) -> None:
    jobs = FakeJobs()
    resolve(bench.plan("linear", set={"recipe.random_resized_crop": 0.3}), jobs, arrange=one_thread, data=DATA)
    assert jobs.asked[1][1]["wanted"]["whole"] is True


def test_all_missing_things_are_reported_together(bench: Any) -> None:
    jobs = FakeJobs(broken=("probe", "prepare"))
    with pytest.raises(ManyErrors) as caught:
        resolve(
            bench.plan("linear", data=["shades", "absent"]),
            jobs,
            arrange=one_thread,
            data=DATA,
        )
    assert [str(error) for error in caught.value.errors] == [
        "no probe", "no prepare of shades", "no prepare of absent",
    ]  # fmt: skip


def test_a_plan_without_trials_starts_no_job() -> None:
    jobs = FakeJobs()
    assert resolve(Plan(trials=()), jobs, arrange=one_thread, data=DATA) == []
    assert jobs.asked == []


def test_further_trials_have_the_next_numbers_and_prepare_only_images_that_none_had(bench: Any) -> None:
    jobs = FakeJobs()
    resolver = Resolver(jobs, DATA)
    first = resolver.first(bench.plan("linear", seeds=2), one_thread)
    more = resolver.more(bench.plan("linear", seeds=1, set={"recipe.lr": 0.5}).trials)
    whole = resolver.more(bench.plan("linear", set={"recipe.random_resized_crop": 0.3}).trials)
    assert [trial.number for trial in (*first, *more, *whole)] == [1, 2, 3, 4]
    assert [kind for kind, _ in jobs.asked] == ["probe", "prepare", "prepare"]
    assert more[0].result_key != first[0].result_key


def test_preparing_takes_a_quarter_of_the_budget_small_images_first(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With timm/* there are a hundred ways to prepare images; each takes 10 seconds here."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(resolution, "time", SimpleNamespace(monotonic=lambda: clock.now))

    class SlowJobs(FakeJobs):
        def ask(self, kind: str, **values: Any) -> Any:
            clock.now += 10 if kind == "prepare" else 0
            return super().ask(kind, **values)

    jobs = SlowJobs()
    sizes = (64, 8, 48, 24)
    specs = [spec for size in sizes for spec in bench.plan("linear", "slow", image_size=size).trials]
    resolver = Resolver(jobs, DATA)
    trials = resolver.first(Plan(trials=tuple(specs)), one_thread, deadline=60)
    asked = [values["wanted"]["preparation"]["size"] for kind, values in jobs.asked if kind == "prepare"]
    assert asked == [8, 24]
    assert [trial.number for trial in trials] == [1, 2, 3, 4]
    assert resolver.unprepared == [spec for spec in specs if spec.preparation.size in (64, 48)]


def test_a_budget_that_is_spent_still_prepares_the_first_images_of_each_dataset(bench: Any) -> None:
    jobs = FakeJobs()
    plans = [bench.plan("linear", image_size=size, data=[data]) for data in ("shades", "absent") for size in (8, 16)]
    resolver = Resolver(jobs, DATA)
    trials = resolver.first(Plan(trials=tuple(spec for plan in plans for spec in plan.trials)), one_thread, deadline=0)
    assert (len(trials), len(resolver.unprepared)) == (2, 2)


def test_trials_whose_images_were_not_prepared_within_the_budget_are_listed_as_not_started(bench: Any) -> None:
    plans = [bench.plan("linear", image_size=size) for size in (16, 8)]
    summary = run_bench(
        Plan(trials=tuple(spec for plan in plans for spec in plan.trials)),
        store=bench.store,
        sources=bench.sources,
        emit=bench.events.append,
        settings=BenchSettings(
            data=DataSettings(data_root=bench.folder / "data", cache=bench.folder / "cache"),
            limits=RunLimits(deadline=time.monotonic()),
        ),
    )
    assert summary.records == ()
    assert len(summary.not_started) == 2
