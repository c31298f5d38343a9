"""Trials that differ only in the seed, trained by the first of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.records.history import read_history
from harness.records.predictions import load_predictions
from harness.records.record import Outcome, Record, Tuning
from harness.records.state_files import state_files
from harness.records.store import read_record
from harness.records.trial_lock import trial_lock
from harness.training.checkpoints import TrainingStates
from harness.training.seeds.loop import NOTE
from harness.training.state import TrainingState
from harness.trial import together
from harness.trial.job import Companion, TrialJob
from harness.trial.resolved_trial import ResolvedTrial
from harness.trial.trial import run_trial
from zoo.catalog import Catalog

SEEDS = (0, 1, 2)


class Group:
    """Trials of three seeds in a folder."""

    def __init__(self, root: Path, catalog: Catalog, make_spec: Callable[..., Any], data: Any, **spec: Any) -> None:
        self.root, self.catalog = root, catalog
        root.mkdir()
        self.trials = {}
        for seed in SEEDS:
            self.folder(seed).mkdir()
            made = make_spec(spec.pop("model", "strided") if seed == 0 else "strided", seed=seed, **spec)
            self.trials[seed] = ResolvedTrial(spec=made, result_key=f"key-{seed}", prepared=data)

    def folder(self, seed: int) -> Path:
        return self.root / f"seed{seed}"

    def run(self, seed: int, companions: tuple[int, ...] = ()) -> Record:
        job = TrialJob(
            trial=self.trials[seed],
            folder=str(self.folder(seed)),
            companions=tuple(Companion(trial=self.trials[each], folder=str(self.folder(each))) for each in companions),
        )
        assert run_trial(job, self.catalog)
        return read_record(self.folder(seed) / "record.json")

    def state(self, seed: int) -> TrainingState | None:
        return TrainingStates(self.folder(seed)).latest()

    def epochs(self, seed: int) -> list[int]:
        rows = read_history(self.folder(seed) / "history.jsonl")
        return [row["epoch"] for row in rows if row["event"] == "epoch"]

    def logits(self, seed: int) -> Any:
        return load_predictions(self.folder(seed)).predictions.logits


@pytest.fixture
def make_group(tmp_path, plugin_catalog, make_spec, make_data):
    data = make_data()

    def make(name: str = "group", **spec: Any) -> Group:
        return Group(tmp_path / name, plugin_catalog, make_spec, data, **{"batched_seeds": "on", **spec})

    return make


def test_the_first_trial_trains_all_and_each_tests_itself(make_group):
    group, alone = make_group(), make_group("alone", batched_seeds="off")
    first = group.run(0, (1, 2))
    assert first.outcome is Outcome.DONE, first.reason
    assert not (group.folder(1) / "record.json").exists()
    assert [group.state(seed).epoch for seed in (1, 2)] == [3, 3]
    records = [first, group.run(1), group.run(2)]
    for seed, record in zip(SEEDS, records, strict=True):
        expected = alone.run(seed)
        assert (record.outcome, record.attempts) == (Outcome.DONE, 1)
        assert record.tuning.batched_seeds == SEEDS
        assert record.tuning.reason.endswith("seeds 0, 1, 2 were trained together: as requested")
        assert record.training.epochs_run == 3
        assert record.training.final_train_loss == pytest.approx(expected.training.final_train_loss, abs=1e-5)
        np.testing.assert_allclose(group.logits(seed), alone.logits(seed), atol=1e-4)
        assert group.epochs(seed) == [1, 2, 3]
        assert state_files(group.folder(seed)) == []
        assert record.speed.peak_memory_mib is None, "it is that of three seeds"


def test_the_time_of_all_is_shared(make_group):
    group = make_group()
    records = [group.run(0, (1, 2)), group.run(1), group.run(2)]
    assert len({record.training.seconds for record in records}) == 1
    for record in records:
        assert record.seconds["train"] >= record.training.seconds * 0.99
        assert record.seconds["total"] >= record.seconds["train"]


def test_speed_is_measured_alone(make_group):
    group = make_group(measure_seconds=0.02)
    record = group.run(0, (1,))
    assert record.speed.train_end_to_end is not None
    assert record.environment.get("trials_on_device") is None


def test_a_trial_alone_says_nothing_of_others(make_group):
    record = make_group().run(0)
    assert record.tuning.batched_seeds == ()
    assert "together" not in record.tuning.reason
    assert record.speed.peak_memory_mib is not None or record.environment["device"] == "cpu"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"hyperparameters": {"accumulate_steps": 2}}, "batches are learnt in parts (accumulate_steps)"),
        ({"batched_seeds": "auto", "hyperparameters": {"epochs": 1}}, "too few steps to time"),
        ({"precision": "fp16"}, "the gradients of fp16 are scaled for each seed"),
    ],
)
def test_what_is_not_trained_together_is_trained_alone_and_says_why(make_group, spec, said):
    group = make_group(**spec)
    record = group.run(0, (1, 2))
    assert record.outcome is Outcome.DONE, record.reason
    assert record.tuning.batched_seeds == ()
    assert record.tuning.reason.endswith(f"seeds were not trained together: {said}")
    assert group.state(1) is None
    assert group.epochs(1) == []


def test_a_companion_that_another_process_runs_is_left_to_it(make_group):
    group = make_group()
    with trial_lock(group.folder(1)):
        record = group.run(0, (1, 2))
    assert record.tuning.batched_seeds == (0, 2)
    assert group.epochs(1) == []


def test_a_companion_that_is_done_stays_as_it_is(make_group):
    group = make_group()
    before = group.run(1)
    assert group.run(0, (1, 2)).tuning.batched_seeds == (0, 2)
    assert read_record(group.folder(1) / "record.json") == before


def stop_at(epoch: int, error: BaseException, patch: Any) -> None:
    """Raise as that epoch's states have been saved."""
    save = together._Log.save

    def failing(log: Any, states: Any, must: bool) -> None:
        save(log, states, must)
        if any(state.epoch == epoch for state in states.values()):
            raise error

    patch.setattr(together._Log, "save", failing)


def test_an_interrupted_training_goes_on_together_bit_for_bit(make_group, monkeypatch):
    whole, stopped = make_group("whole"), make_group("stopped")
    whole.run(0, (1, 2))
    with monkeypatch.context() as patch:
        stop_at(1, KeyboardInterrupt(), patch)
        assert stopped.run(0, (1, 2)).outcome is Outcome.INTERRUPTED
    assert [stopped.state(seed).epoch for seed in SEEDS] == [1, 1, 1]
    with monkeypatch.context() as patch:  # the probe is not asked again
        patch.setattr(together, "probe_seeds", lambda *given, **more: pytest.fail("it was probed again"))
        record = stopped.run(0, (1, 2))
    assert (record.outcome, record.attempts) == (Outcome.DONE, 2)
    assert record.tuning.batched_seeds == SEEDS
    assert np.array_equal(stopped.logits(0), whole.logits(0))
    assert stopped.epochs(0) == stopped.epochs(1) == [1, 2, 3]


def test_seeds_that_are_not_as_far_go_on_alone(make_group, monkeypatch):
    group = make_group()
    with monkeypatch.context() as patch:
        stop_at(1, KeyboardInterrupt(), patch)
        group.run(0, (1, 2))
    TrainingStates(group.folder(1)).clear()
    record = group.run(0, (1, 2))
    assert record.outcome is Outcome.DONE
    assert group.state(2).epoch == 3
    assert group.state(1) is None


def test_a_training_that_began_alone_goes_on_alone(make_group, monkeypatch):
    group = make_group(batched_seeds="off")
    group.run(0)
    state = group.state(0)
    assert state is None, "its states are gone with its end"
    trial = type("Trial", (), {"job": TrialJob(trial=group.trials[0], folder=str(group.folder(0)))})()
    begun = TrainingState(epoch=1, tree={"model": {}})
    with ExitStack() as held:
        assert together.hold_companions(trial, begun, held) == []


def test_an_error_while_training_together_leaves_each_trial_to_itself(make_group, monkeypatch):
    group, alone = make_group(), make_group("alone", batched_seeds="off")
    stop_at(2, RuntimeError("CUDA error: launch failure"), monkeypatch)
    record = group.run(0, (1, 2))
    assert record.outcome is Outcome.DONE
    assert record.tuning.reason.endswith(
        "seeds were not trained together: training together ended with RuntimeError: CUDA error: launch failure"
    )
    assert group.epochs(0) == [1, 2, 3]
    alone.run(0)
    np.testing.assert_allclose(group.logits(0), alone.logits(0), atol=1e-4)


def test_tuning_names_the_seeds_or_the_reason():
    tuning = Tuning(layout="contiguous", compile=False, reason="as requested")
    state = TrainingState(epoch=1, tree={NOTE: {"seeds": [3, 4], "reason": "2 seeds ran at 1.80 times their speed"}})
    assert together.with_seeds(tuning, None) == tuning
    found = together.with_seeds(tuning, state)
    assert found.batched_seeds == (3, 4)
    assert found.reason == "as requested; seeds 3, 4 were trained together: 2 seeds ran at 1.80 times their speed"
    assert together.with_seeds(tuning, state, "it failed").batched_seeds == ()
