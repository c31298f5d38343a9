"""``--seeds auto`` and ``--budget``: more seeds where ranks are shared, and none when the time is up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from harness.bench.bench import BenchSummary
from harness.planning.plan import Plan, make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from harness.records.record import Outcome, Record
from harness.records.store import Store
from zoo import Catalog
from zoo.api.running import adaptive_seeds
from zoo.api.running.adaptive_seeds import run_until_settled

Run = Callable[..., Result]


class Scripted:
    """Stands in for benches and for looks: each look finds the next set of models open."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *open_models: tuple[str, ...]) -> None:
        self.plans: list[list[tuple[str, int]]] = []
        self.sentences: list[str] = []
        self.looks = iter(open_models)
        monkeypatch.setattr("reports.leaderboard.adaptive_seeds.look_at", self.look_at)

    def run(self, plan: Plan) -> BenchSummary:
        self.plans.append([(trial.architecture.display_name, trial.seed) for trial in plan.trials])
        records = [
            Record(trial_id="t", result_key="r", measurement_key="m", outcome=Outcome.DONE, spec=trial)
            for trial in plan.trials
        ]
        return BenchSummary(records=tuple(records), counts={"done": len(records)}, interrupted=False)

    def look_at(self, trials: object, *, num_seeds: int, max_seeds: int) -> object:
        from harness.records.seed_schedule import seed_counts
        from reports.leaderboard.adaptive_seeds import Look, SeedState, combination_of

        wanted = next(self.looks)
        states = {
            combination_of(record.spec): (
                SeedState.OPEN if record.spec.architecture.display_name in wanted else SeedState.SETTLED
            )
            for _, record in trials  # type: ignore[attr-defined]
        }
        later = [count for count in seed_counts(max_seeds) if count > num_seeds]
        return Look(states=states, next_seeds=later[0] if later else num_seeds)


@pytest.fixture
def seeded(catalog: Catalog, tmp_path: Path) -> Callable[..., adaptive_seeds.Seeded]:
    """Run a bench of two models with adaptive seeds."""

    def run(script: Scripted, *, deadline: float | None = None, **asked: object) -> adaptive_seeds.Seeded:
        raw = {"models": ["linear", "lenet5"], "seeds": "auto", **asked}
        request = BenchRequest.model_validate(raw)
        plan = make_plan(select(request, catalog))
        return run_until_settled(
            plan, request, run=script.run, store=Store(tmp_path), deadline=deadline, note=script.sentences.append
        )

    return run


def test_only_open_rows_get_more_seeds_and_each_trial_runs_once(
    seeded: Callable[..., adaptive_seeds.Seeded], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Scripted(monkeypatch, ("linear", "lenet5"), ("lenet5",), ())
    done = seeded(script)
    assert script.plans == [
        [(model, seed) for seed in range(3) for model in ("linear", "lenet5")],
        [(model, seed) for seed in (3, 4) for model in ("linear", "lenet5")],
        [("lenet5", seed) for seed in (5, 6, 7)],
    ]
    assert done.summary.counts == {"done": 13}
    assert {record.spec.execution.looks for record in done.summary.records} == {4}
    assert done.reason == "all rows are separated"
    assert len(script.sentences) == 3


def test_a_row_that_shares_a_rank_again_gets_the_seeds_that_it_missed(
    seeded: Callable[..., adaptive_seeds.Seeded], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Scripted(monkeypatch, ("linear",), ("lenet5",), ())
    seeded(script)
    assert script.plans[2] == [("lenet5", seed) for seed in (3, 4, 5, 6, 7)]


def test_when_the_budget_is_spent_no_look_adds_seeds(
    seeded: Callable[..., adaptive_seeds.Seeded], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Scripted(monkeypatch, ("linear", "lenet5"))
    done = seeded(script, deadline=time.monotonic(), budget="1m")
    assert len(script.plans) == 1
    assert done.reason.startswith("the budget of 1m is spent; ")


def test_trials_stopped_by_the_user_are_not_checked(
    seeded: Callable[..., adaptive_seeds.Seeded], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Scripted(monkeypatch)
    whole = script.run
    script.run = lambda plan: replace(whole(plan), interrupted=True)  # type: ignore[method-assign]
    assert seeded(script).summary.interrupted


TOYS = """
from zoo import Architecture, Dataset, Hyperparameters, Recipe, Split, Splits, hookimpl

def net(hidden):
    def build(request):
        from torch import nn
        size = request.in_channels * request.image_size ** 2
        if hidden is None:
            return nn.Sequential(nn.Flatten(), nn.Linear(size, request.num_classes), nn.Hardtanh(-1e-9, 1e-9))
        return nn.Sequential(nn.Flatten(), nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, request.num_classes))
    return build

@hookimpl
def zoo_architectures():
    yield Architecture(name="untrained", build=net(None))
    yield Architecture(name="eight", build=net(8))
    yield Architecture(name="nine", build=net(9))

def load(request):
    import numpy as np
    rng = np.random.default_rng(0)
    def split(count):
        labels = np.arange(count) % 2
        light = (labels * 40).astype(np.uint8)[:, None, None, None]
        images = rng.integers(0, 200, (count, 4, 4, 1), dtype=np.uint8) + light
        return Split(images=images, labels=labels.astype(np.int64))
    return Splits(classes=("dark", "light"), train=split(200), test=split(300))

@hookimpl
def zoo_datasets():
    yield Dataset(name="shades", load=load)

@hookimpl
def zoo_recipes():
    yield Recipe(name="quick", hyperparameters=lambda: Hyperparameters(epochs=3, batch_size=16))
"""


@pytest.mark.slow
def test_separated_rows_keep_three_seeds_and_the_same_command_reuses_all(run_zoo: Run, tmp_path: Path) -> None:
    (tmp_path / "toys.py").write_text(TOYS)
    asked = (
        "bench", "--plugin", str(tmp_path / "toys.py"), "--models", "untrained,eight,nine", "--data", "shades",
        "--recipes", "quick", "--seeds", "auto", "--max-seeds", "5", "--measure-seconds", "0", "--format", "json",
        "--out", str(tmp_path / "runs"),
    )  # fmt: skip
    done = run_zoo(*asked)
    assert done.exit_code == 0, done.stderr
    (table,) = json.loads(done.stdout)["tables"]
    seeds = {row["cells"]["model"]: row["seeds"] for row in table["rows"]}
    assert seeds == {"untrained": [0, 1, 2], "eight": [0, 1, 2, 3, 4], "nine": [0, 1, 2, 3, 4]}
    assert all(row["unfinished"] == [] for row in table["rows"])
    assert "each tests at 0.025" in " ".join(table["notes"])
    assert "look 1 of at most 2, with 3 seeds: 1 of 3 separated from all others" in done.stderr
    assert "no more seeds: " in done.stderr
    again = run_zoo(*asked)
    assert again.exit_code == 0
    assert again.stdout == done.stdout
    assert again.stderr.count(" reused: ") == 13
    ranked = run_zoo("rank", str(tmp_path / "runs"), "--format", "json")
    assert [row["cells"]["rank_high"] for row in json.loads(ranked.stdout)["tables"][0]["rows"]] == [
        row["cells"]["rank_high"] for row in table["rows"]
    ]


@pytest.mark.slow
def test_after_the_budget_no_trial_starts_and_the_same_command_without_it_goes_on(run_zoo: Run, tmp_path: Path) -> None:
    (tmp_path / "toys.py").write_text(TOYS)
    asked = (
        "bench", "--plugin", str(tmp_path / "toys.py"), "--models", "eight,nine", "--data", "shades", "--recipes",
        "quick", "--seeds", "2", "--measure-seconds", "0", "--out", str(tmp_path / "runs"),
    )  # fmt: skip
    late = run_zoo(*asked, "--budget", "0.1s")
    assert late.exit_code == 1
    assert "4 trials not started: the budget of 0.1s is spent; run the same command again to continue" in late.stderr
    done = run_zoo(*asked)
    assert done.exit_code == 0
    assert done.stderr.count(" reused: ") == 0


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--seeds", "many", "seeds = 'many': input should be a whole number from 1 to 10000, or auto"),
        ("--budget", "two hours", "budget = 'two hours': input should be a time such as 2h, 90m, 45s or 1h30m"),
        ("--max-seeds", "0", "max_seeds = 0: input should be greater than or equal to 1"),
    ],
)
def test_a_mistake_in_seeds_or_budget_is_one_sentence(run_zoo: Run, option: str, value: str, words: str) -> None:
    done = run_zoo("plan", option, value)
    assert done.exit_code == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h", 7200), ("90m", 5400), ("45s", 45), ("1h30m", 5400), ("0.5h", 1800), ("1h1m1s", 3661)]
)
def test_a_budget_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert BenchRequest.model_validate({"budget": text}).budget_seconds == seconds


def test_a_plan_with_adaptive_seeds_is_marked_as_the_maximum(run_zoo: Run) -> None:
    done = run_zoo("plan", "--models", "linear", "--seeds", "auto")
    assert "10 trials of 1 combination" in done.stdout
    assert "each row gets 3 seeds" in done.stdout
    assert "after 3, 5, 8, 10 seeds" in done.stdout
