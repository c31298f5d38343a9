"""A search that chose the default settings: its trials are copies of the default row's, and are not trained again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.bench.bench import BenchSummary, run_bench
from harness.bench.settings import BenchSettings
from harness.data.settings import DataSettings
from harness.planning.plan import Plan
from harness.records.copying import checked_trial
from harness.records.keys import result_key
from harness.records.spec import SearchSpec, TrialSpec
from harness.records.store import RECORD_FILE, Store
from harness.search.default_winner import chose_default, copy_of, reusing_defaults
from zoo.errors import StoreError

from .toy_search import ToySearch


def searched(spec: TrialSpec, **settings: Any) -> TrialSpec:
    search = SearchSpec(
        study="s", trials=3, seconds=1.0, budget="3 trials", sampler="tpe", settings=settings, best=len(settings)
    )
    return spec.model_copy(update={"search": search})


class Runs:
    """Runs plans for real, and keeps them."""

    def __init__(self, toys: ToySearch) -> None:
        self.toys, self.plans, self.notes = toys, [], []  # type: ignore[var-annotated]
        self.store = Store(toys.folder / "runs")
        self.plan = replace(toys.plan(toys.request("plain", tune=None)), preload=("torch",))

    def __call__(self, plan: Plan) -> BenchSummary:
        self.plans.append(plan)
        return run_bench(
            plan,
            store=self.store,
            sources=self.toys.sources,
            emit=lambda event: None,
            settings=BenchSettings(
                data=DataSettings(data_root=self.toys.folder / "data", cache=self.toys.folder / "cache")
            ),
        )

    def reusing(self, *trials: TrialSpec) -> BenchSummary:
        return reusing_defaults(self, store=self.store, note=self.notes.append)(replace(self.plan, trials=trials))


@pytest.fixture
def runs(toys: ToySearch) -> Runs:
    return Runs(toys)


def test_the_trials_of_a_default_that_won_are_copies_under_keys_of_their_own(runs: Runs) -> None:
    one, other = runs.plan.trials
    summary = runs.reusing(one, searched(one), other, searched(other))
    assert [each.trials for each in runs.plans] == [(one, other)]
    assert summary.counts == {"done": 4}
    assert [(record.spec.seed, record.search is not None) for record in summary.records] == [
        (0, False), (0, True), (1, False), (1, True),
    ]  # fmt: skip
    assert runs.notes == ["2 trials not trained again: the search chose the default settings, so they are copies"]
    for default, tuned in zip(summary.records[::2], summary.records[1::2], strict=True):
        assert tuned.result_key != default.result_key
        assert tuned.files == default.files
        assert tuned.metrics == default.metrics
        assert tuned.data is not None
        key = result_key(
            tuned.spec,
            fingerprint=tuned.data.fingerprint,
            pixels=tuned.data.pixels,
            torch_version=tuned.environment["torch"],
        )
        assert tuned.result_key == key
        assert checked_trial(runs.store.folder(tuned.trial_id)) == tuned
    before = {path: path.stat().st_mtime_ns for path in runs.store.root.glob(f"*/{RECORD_FILE}")}
    again = runs.reusing(one, searched(one), other, searched(other))
    assert again.records == summary.records
    assert len(runs.notes) == 1
    assert {path: path.stat().st_mtime_ns for path in runs.store.root.glob(f"*/{RECORD_FILE}")} == before
    # A later run that does train them finds them done.
    assert runs(replace(runs.plan, trials=(searched(one),))).records == (summary.records[1],)


def test_other_winners_are_trained_and_so_is_one_whose_default_is_not_in_the_plan(runs: Runs) -> None:
    one, other = runs.plan.trials
    found = searched(one, **{"recipe.lr": 0.5})
    assert chose_default(searched(one).search)
    assert not chose_default(found.search)
    assert not chose_default(None)
    runs.reusing(one, found, searched(other))
    assert [each.trials for each in runs.plans] == [(one, found, searched(other))]
    assert runs.notes == []


def test_a_default_that_has_not_finished_is_not_copied(runs: Runs) -> None:
    one, _ = runs.plan.trials
    broken = one.model_copy(update={"execution": one.execution.model_copy(update={"pause_after": None})})
    failing = broken.model_copy(
        update={
            "recipe": broken.recipe.model_copy(
                update={"hyperparameters": {**broken.recipe.hyperparameters, "lr": 1e30}}
            )
        }
    )
    summary = runs.reusing(failing, searched(failing))
    assert summary.counts == {"failed": 1}


def test_a_damaged_file_is_an_error_and_leaves_no_record(runs: Runs) -> None:
    one, _ = runs.plan.trials
    (default,) = runs(replace(runs.plan, trials=(one,))).records
    path = runs.store.folder(default.trial_id) / "predictions.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    search = searched(one).search
    assert search is not None
    with pytest.raises(StoreError, match="does not match the checksum"):
        copy_of(default, search, runs.store)
    assert [record.trial_id for _, record in runs.store.records()] == [default.trial_id]
    assert not list(Path(runs.store.root).glob(".*twin*"))
