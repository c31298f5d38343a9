"""Which trials are trained by another one of theirs, and who waits for whom."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.bench.seed_groups import MOST_SEEDS, SeedGroups, group_of, not_here
from harness.bench.settings import BenchSettings
from harness.bench.slots import SlotRequest
from harness.records.predictions import load_predictions
from harness.records.record import Outcome, Tuning
from harness.records.spec import ArchitectureSpec, DatasetSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.trial.resolved_trial import ResolvedTrial
from zoo.events import EpochEnded, PhaseStarted

from .toy_bench import Bench

PROVIDER = ProviderSpec(plugin="toys")


@pytest.fixture
def make_trial(make_data):
    data = make_data()

    def make(seed: int = 0, model: str = "linear", **execution: Any) -> ResolvedTrial:
        spec = TrialSpec(
            architecture=ArchitectureSpec(full_name=f"toys/{model}", display_name=model, provider=PROVIDER),
            dataset=DatasetSpec(full_name="toys/set", display_name="set", provider=PROVIDER),
            recipe=RecipeSpec(full_name="toys/quick", display_name="quick", provider=PROVIDER, hyperparameters={}),
            seed=seed,
            execution=ExecutionSpec(**{"device": "cpu", "batched_seeds": "on", **execution}),
        )
        return ResolvedTrial(spec=spec, result_key=f"{model} {seed}", prepared=data)

    return make


def start(groups, trial, waiting, *, is_due=lambda trial: True, num_slots=1):
    return groups.start(trial, waiting, is_due=is_due, num_slots=num_slots)


def groups(**settings: Any) -> SeedGroups:
    return SeedGroups(BenchSettings(**settings))


def test_companions_differ_only_in_the_seed(make_trial):
    others = [make_trial(1), make_trial(2), make_trial(1, "other"), make_trial(3, threads=2)]
    assert start(groups(), make_trial(0), others) == others[:2]
    assert group_of(make_trial(0)) == group_of(make_trial(5)) != group_of(make_trial(0, "other"))


def test_what_is_done_is_no_companion(make_trial):
    others = [make_trial(1), make_trial(2)]
    assert start(groups(), make_trial(0), others, is_due=lambda trial: trial.spec.seed == 2) == others[1:]


def test_a_group_has_a_most(make_trial):
    assert len(start(groups(), make_trial(0), [make_trial(seed) for seed in range(1, 20)])) == MOST_SEEDS - 1


def test_groups_leave_no_slot_empty(make_trial):
    seeds = [make_trial(seed) for seed in range(1, 6)]
    assert len(start(groups(), make_trial(0), seeds, num_slots=2)) == 2
    others = [make_trial(seed, "other") for seed in range(6)]
    assert len(start(groups(), make_trial(0), [*seeds, *others], num_slots=2)) == 5


@pytest.mark.parametrize(
    ("execution", "together"),
    [
        ({"batched_seeds": "off"}, False),
        ({"batched_seeds": "auto"}, False),
        ({"batched_seeds": "auto", "device": "cuda:0"}, True),
        ({"batched_seeds": "on", "device": "cuda:0"}, True),
        ({"gpus_per_trial": 2}, False),
        ({"pause_after": 2}, False),
        ({"tests": False}, False),
    ],
)
def test_settings_decide(make_trial, execution, together):
    others = [make_trial(1, **execution)]
    assert start(groups(), make_trial(0, **execution), others) == (others if together else [])


def test_by_itself_nothing_is_batched_where_trials_share_a_device(make_trial):
    shared = groups(slots=SlotRequest(jobs_per_device=4))
    auto = {"batched_seeds": "auto", "device": "cuda:0"}
    assert start(shared, make_trial(0, **auto), [make_trial(1, **auto)]) == []
    assert len(start(shared, make_trial(0), [make_trial(1)])) == 1


def test_companions_wait_until_their_leader_trains(make_trial):
    found, leader, other = groups(), make_trial(0), make_trial(1)
    start(found, leader, [other])
    assert found.is_awaited(other)
    assert not found.is_awaited(make_trial(2))
    found.follow(PhaseStarted(trial_id=leader.trial_id, phase="build"))
    found.follow(PhaseStarted(trial_id=other.trial_id, phase="train"))
    assert found.is_awaited(other)
    found.follow(PhaseStarted(trial_id=leader.trial_id, phase="train"))
    assert not found.is_awaited(other), "its folder is locked now"


@pytest.mark.parametrize("how", ["no record", "alone", "together", "fell apart"])
def test_a_group_that_did_not_train_together_is_not_tried_again(make_trial, small_record, how):
    found, leader, others = groups(), make_trial(0), [make_trial(1), make_trial(2)]
    start(found, leader, others)
    tuning = Tuning(layout="contiguous", compile=False, batched_seeds=(0, 1, 2) if how != "alone" else ())
    record = None if how == "no record" else small_record.model_copy(update={"tuning": tuning})
    found.end(leader, record, fell_apart=how == "fell apart")
    assert not found.is_awaited(others[0])
    assert bool(start(found, others[0], others[1:])) == (how == "together")


def test_other_machines_are_told_of(make_trial):
    assert not_here([make_trial(batched_seeds="auto")]) == []
    (note,) = not_here([make_trial()])
    assert note.startswith("--batched-seeds on: ")


def test_a_bench_trains_seeds_together_and_records_each(bench: Bench) -> None:
    beside = bench.beside("alone")
    alone = beside.run("linear", seeds=3, batched_seeds="off").records
    records = bench.run("linear", seeds=3, batched_seeds="on").records
    for record, expected in zip(records, alone, strict=True):
        assert record.outcome is Outcome.DONE, record.reason
        assert record.tuning is not None
        assert record.tuning.batched_seeds == (0, 1, 2)
        assert record.result_key == expected.result_key
        mine, theirs = (
            load_predictions(each.store.folder(record.trial_id)).predictions.logits for each in (bench, beside)
        )
        np.testing.assert_allclose(mine, theirs, atol=1e-4)
        told = [
            event.epoch for event in bench.events if isinstance(event, EpochEnded) and event.trial_id == record.trial_id
        ]
        assert told == [1, 2], "each epoch is told once"


def test_a_network_that_only_survives_alone_is_run_alone(bench: Bench) -> None:
    """The process that trains three of them together is killed; each then has a record of its own training."""
    records = bench.run("dies_batched", seeds=3, batched_seeds="on").records
    assert [record.outcome for record in records] == [Outcome.DONE] * 3, records[0].reason
    assert [record.tuning.batched_seeds for record in records if record.tuning] == [()] * 3
    assert [record.attempts for record in records] == [2, 1, 1]
