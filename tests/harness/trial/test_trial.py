"""A trial: one spec in, one record out, whatever happens in between."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager

import numpy as np
import pytest
from filelock import FileLock

from harness.records.history import read_history
from harness.records.predictions import load_predictions
from harness.records.record import FailureKind, Outcome
from harness.records.state_files import state_files
from harness.records.trial_lock import LOCK_FILE
from harness.system.atomic_files import sha256_of
from harness.trial import training, trial
from harness.trial.lr_test import measure_losses
from harness.trial.trial import run_trial
from zoo.errors import UnavailableWeightsError

from .conftest import folder_of, run_job


def test_a_trial_that_is_done_has_a_record_of_all_that_it_did(make_job, plugin_catalog):
    job = make_job(hyperparameters={"epochs": 2})
    record = run_job(job, plugin_catalog)
    assert (record.outcome, record.reason, record.attempts) == (Outcome.DONE, "", 1)
    assert (record.trial_id, record.result_key, record.spec) == (job.trial.trial_id, "key", job.trial.spec)
    assert record.model.params == 8 * 27 + 8 + 8 * 4 + 4
    assert record.training.epochs_run == 2
    assert 0 <= record.metrics["accuracy"].value <= 1
    # It also pauses if a trial of another process measures its speed at that time.
    assert set(record.seconds) - {"paused"} == {"build", "train", "test", "measure", "total"}
    events = [row["event"] for row in read_history(folder_of(job) / "history.jsonl")]
    assert [event for event in events if event == "epoch"] == ["epoch"] * 2
    predictions = {"predictions.safetensors", "val_predictions.safetensors"}
    assert set(record.files) == {"history.jsonl", "checkpoint.safetensors", *predictions}
    assert all(sha256_of(folder_of(job) / name) == sum for name, sum in record.files.items())
    assert state_files(folder_of(job)) == []


def test_waiting_for_others_before_the_first_phase_is_a_pause_and_no_cost_of_the_trial(
    make_job, plugin_catalog, monkeypatch
):
    class Late(trial.DeviceSharing):
        @contextmanager
        def joined(self):
            with super().joined():
                self.waited += 1000
                yield

    monkeypatch.setattr(trial, "DeviceSharing", Late)
    assert run_job(make_job(), plugin_catalog).seconds["paused"] >= 1000


def test_a_range_test_writes_its_losses_to_its_history_and_trains_no_network_to_test(
    make_job, plugin_catalog, plugin_file
):
    job = make_job(hyperparameters={"epochs": 2}, lr_test=True, tests=False)
    spec = job.trial.spec
    record = run_job(job, plugin_catalog)
    assert (record.outcome, record.training, record.model, record.metrics) == (Outcome.DONE, None, None, {})
    assert set(record.files) == {"history.jsonl"}
    (row,) = (row for row in read_history(folder_of(job) / "history.jsonl") if row["event"] == "lr_test")
    sources = {"files": (str(plugin_file),), "entry_points": False}
    prepared = job.trial.prepared.model_dump(mode="json")
    measured = measure_losses(sources, spec.model_dump(mode="json"), prepared)
    assert row["lrs"] == measured["lrs"]
    assert row["losses"] == measured["losses"]
    assert len(row["losses"]) > 100


def test_a_trial_that_another_process_holds_is_left_to_it(make_job, plugin_catalog):
    job = make_job()
    with FileLock(folder_of(job) / LOCK_FILE):
        assert not run_trial(job, plugin_catalog)
    assert not (folder_of(job) / "record.json").exists()


def test_a_trial_that_is_done_is_not_run_again(make_job, plugin_catalog, monkeypatch):
    job = make_job(hyperparameters={"epochs": 1})
    first = run_job(job, plugin_catalog)
    monkeypatch.setattr(trial, "_attempt", lambda *_: pytest.fail("it ran again"))
    assert run_job(job, plugin_catalog) == first


def test_an_error_in_a_plugin_fails_its_trial(make_job, plugin_catalog):
    record = run_job(make_job(model="raising"), plugin_catalog)
    assert record.outcome is Outcome.FAILED
    assert record.failure.kind is FailureKind.PLUGIN
    assert record.reason == record.failure.message == "building raising failed: RuntimeError: no weights"
    assert "RuntimeError: no weights" in record.failure.traceback


def test_a_failed_trial_is_run_again_only_if_asked(make_job, plugin_catalog):
    job = make_job(model="raising")
    assert run_job(job, plugin_catalog).attempts == 1
    assert run_job(job, plugin_catalog).attempts == 1
    assert run_job(job.model_copy(update={"retry": True}), plugin_catalog).attempts == 2


def test_a_trial_that_the_user_stops_is_interrupted(make_job, plugin_catalog):
    record = run_job(make_job(model="stopping"), plugin_catalog)
    assert (record.outcome, record.reason) == (Outcome.INTERRUPTED, "stopped by the user during build")


def test_an_interrupted_trial_resumes_and_predicts_as_if_uninterrupted(make_job, plugin_catalog, monkeypatch):
    whole, stopped = make_job("whole"), make_job("stopped")
    run_job(whole, plugin_catalog)

    def stop(epoch):
        if epoch.epoch == 2:
            raise KeyboardInterrupt
        return dataclasses.asdict(epoch)

    with monkeypatch.context() as patch:
        patch.setattr(training, "asdict", stop)  # as the second epoch's row is about to be written
        record = run_job(stopped, plugin_catalog)
    assert (record.outcome, record.reason) == (Outcome.INTERRUPTED, "stopped by the user during train")
    assert [path.name[:12] for path in state_files(folder_of(stopped))] == ["state-000001"]
    record = run_job(stopped, plugin_catalog)
    assert (record.outcome, record.attempts, record.training.epochs_run) == (Outcome.DONE, 2, 3)
    rows = read_history(folder_of(stopped) / "history.jsonl")
    assert [row["epoch"] for row in rows if row["event"] == "epoch"] == [1, 2, 3]
    for name in ("predictions.safetensors", "val_predictions.safetensors"):
        mine, theirs = (load_predictions(folder_of(job), name=name).predictions.logits for job in (stopped, whole))
        assert np.array_equal(mine, theirs)


def test_weights_that_cannot_be_loaded_skip_the_trial_until_the_next_bench(
    make_job, plugin_catalog, monkeypatch, capsys
):
    def build(*_, **__):
        raise UnavailableWeightsError("the weights of net cannot be loaded: no route; copy them", cause="no route")

    monkeypatch.setattr(training, "make_setup", build)
    job = make_job()
    record = run_job(job, plugin_catalog)
    assert (record.outcome, record.failure) == (Outcome.SKIPPED, None)
    assert record.reason == "published weights cannot be loaded: no route"
    assert "copy them" in capsys.readouterr().out
    monkeypatch.undo()
    assert run_job(job, plugin_catalog).outcome is Outcome.DONE
