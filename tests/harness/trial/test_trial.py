"""A trial: one spec in, one record out, whatever happens in between."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

import harness.training.loop as engine
import harness.trial.trial as module
from harness.records.history import read_history
from harness.records.predictions import load_predictions
from harness.records.record import FailureKind, Outcome
from harness.records.state_files import state_files
from harness.records.store import LOCK_FILE, read_record
from harness.system.atomic_files import sha256_of
from harness.trial.job import TrialJob
from harness.trial.resolved_trial import ResolvedTrial
from harness.trial.trial import run_trial
from zoo.errors import UnavailableWeightsError


@pytest.fixture
def make_job(make_data, make_spec, tmp_path):
    data = make_data()

    def make(name="trial", model="strided", **options):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        spec = make_spec(model, **options)
        return TrialJob(trial=ResolvedTrial(spec=spec, result_key="key", prepared=data), folder=str(folder))

    return make


def run(job, catalog):
    assert run_trial(job, catalog)
    return read_record(_folder(job) / "record.json")


def _folder(job):
    return Path(job.folder)


def test_a_trial_that_is_done_has_a_record_of_all_that_it_did(make_job, plugin_catalog):
    job = make_job(hyperparameters={"epochs": 2})
    record = run(job, plugin_catalog)
    assert (record.outcome, record.reason, record.attempts) == (Outcome.DONE, "", 1)
    assert (record.trial_id, record.result_key, record.spec) == (job.trial.trial_id, "key", job.trial.spec)
    assert record.model.params == 8 * 27 + 8 + 8 * 4 + 4
    assert record.training.epochs_run == 2
    assert 0 <= record.metrics["accuracy"].value <= 1
    # It also pauses if a trial of another process measures its speed at that time.
    assert set(record.seconds) - {"paused"} == {"build", "train", "test", "measure", "total"}
    events = [row["event"] for row in read_history(_folder(job) / "history.jsonl")]
    assert [event for event in events if event == "epoch"] == ["epoch"] * 2
    predictions = {"predictions.safetensors", "val_predictions.safetensors"}
    assert set(record.files) == {"history.jsonl", "checkpoint.safetensors", *predictions}
    assert all(sha256_of(_folder(job) / name) == sum for name, sum in record.files.items())
    assert state_files(_folder(job)) == []


def test_a_trial_that_another_process_holds_is_left_to_it(make_job, plugin_catalog):
    job = make_job()
    with FileLock(_folder(job) / LOCK_FILE):
        assert not run_trial(job, plugin_catalog)
    assert not (_folder(job) / "record.json").exists()


def test_a_trial_that_is_done_is_not_run_again(make_job, plugin_catalog, monkeypatch):
    job = make_job(hyperparameters={"epochs": 1})
    first = run(job, plugin_catalog)
    monkeypatch.setattr(module, "_attempt", lambda *_: pytest.fail("it ran again"))
    assert run(job, plugin_catalog) == first


def test_an_error_in_a_plugin_fails_its_trial(make_job, plugin_catalog):
    record = run(make_job(model="raising"), plugin_catalog)
    assert record.outcome is Outcome.FAILED
    assert record.failure.kind is FailureKind.PLUGIN
    assert record.reason == record.failure.message == "building raising failed: RuntimeError: no weights"
    assert "RuntimeError: no weights" in record.failure.traceback


def test_a_failed_trial_is_run_again_only_if_asked(make_job, plugin_catalog):
    job = make_job(model="raising")
    assert run(job, plugin_catalog).attempts == 1
    assert run(job, plugin_catalog).attempts == 1
    assert run(job.model_copy(update={"retry": True}), plugin_catalog).attempts == 2


def test_a_trial_that_the_user_stops_is_interrupted(make_job, plugin_catalog):
    record = run(make_job(model="stopping"), plugin_catalog)
    assert (record.outcome, record.reason) == (Outcome.INTERRUPTED, "stopped by the user during build")


def test_an_interrupted_trial_resumes_and_predicts_as_if_uninterrupted(make_job, plugin_catalog, monkeypatch):
    whole, stopped = make_job("whole"), make_job("stopped")
    run(whole, plugin_catalog)

    def stop(epoch):
        if epoch.epoch == 2:
            raise KeyboardInterrupt
        return dataclasses.asdict(epoch)

    with monkeypatch.context() as patch:
        patch.setattr(module, "asdict", stop)  # as the second epoch's row is about to be written
        record = run(stopped, plugin_catalog)
    assert (record.outcome, record.reason) == (Outcome.INTERRUPTED, "stopped by the user during train")
    assert [path.name[:12] for path in state_files(_folder(stopped))] == ["state-000001"]
    record = run(stopped, plugin_catalog)
    assert (record.outcome, record.attempts, record.training.epochs_run) == (Outcome.DONE, 2, 3)
    rows = read_history(_folder(stopped) / "history.jsonl")
    assert [row["epoch"] for row in rows if row["event"] == "epoch"] == [1, 2, 3]
    for name in ("predictions.safetensors", "val_predictions.safetensors"):
        mine, theirs = (load_predictions(_folder(job), name=name).predictions.logits for job in (stopped, whole))
        assert np.array_equal(mine, theirs)


def test_speed_is_measured_for_the_time_in_the_spec(make_job, plugin_catalog):
    record = run(make_job(hyperparameters={"epochs": 1}, measure_seconds=0.01), plugin_catalog)
    assert record.speed.train_end_to_end.median > 0
    assert record.speed.inference_end_to_end.batch_size == 32


@pytest.mark.parametrize(("least", "expected"), [(1, ""), (2, "; batch normalisation took its statistics from fewer")])
def test_a_warning_says_what_fewer_images_at_a_time_change(make_job, plugin_catalog, monkeypatch, least, expected):
    def fit(*args, **options):
        fitted = real(*args, **options)
        return dataclasses.replace(fitted, result=dataclasses.replace(fitted.result, micro_batch_size=8))

    real = module.fit
    monkeypatch.setattr(module, "fit", fit)
    monkeypatch.setattr(module, "least_images", lambda model: least)
    (warning,) = run(make_job(hyperparameters={"epochs": 1}), plugin_catalog).warnings
    said = "out of memory with 16 images at a time: training used at most 8 at a time and accumulated the gradients"
    assert warning.startswith(f"{said} of each batch{expected}")
    assert ("results differ" in warning) == (least == 2)


def test_a_trial_whose_graphs_do_not_fit_trains_without_them_and_predicts_the_same(
    make_job, plugin_catalog, monkeypatch
):
    """On a CPU, graphs are only pretended: the compiled network is the network itself."""
    whole, given_up = make_job("whole"), make_job("given_up", compile="graphs", layout="channels_last")
    run(whole, plugin_catalog)
    calls = []

    def compiled(model, *, graphs=False):
        def forward(images_BCHW):
            calls.append(graphs)
            if graphs and len(calls) > 6:  # in the second epoch of four steps
                raise torch.OutOfMemoryError("CUDA out of memory")
            return model(images_BCHW)

        return forward

    monkeypatch.setattr(engine, "compiled", compiled)
    record = run(given_up, plugin_catalog)
    assert record.outcome is Outcome.DONE
    assert record.warnings == (
        "CUDA graphs could not be recorded or replayed: CUDA out of memory; it was trained without them",
    )
    assert (record.tuning.compile, record.tuning.graphs) == (True, False)
    assert calls[:7] == [True] * 7
    assert not any(calls[7:])
    rows = read_history(_folder(given_up) / "history.jsonl")
    assert [row["epoch"] for row in rows if row["event"] == "epoch"] == [1, 2, 3]
    mine, theirs = (load_predictions(_folder(job)).predictions.logits for job in (given_up, whole))
    assert np.array_equal(mine, theirs)


def test_the_peak_leaves_out_what_was_tried_in_the_first_epoch(make_job, plugin_catalog, monkeypatch):
    epochs = []
    monkeypatch.setattr(module.PeakMemory, "forget_trials", lambda memory: epochs.append("forgotten"))
    run(make_job("several", hyperparameters={"epochs": 3}), plugin_catalog)
    assert epochs == ["forgotten"]
    run(make_job("one", hyperparameters={"epochs": 1}), plugin_catalog)
    assert epochs == ["forgotten"], "nothing would be left to measure"


def test_weights_that_cannot_be_loaded_skip_the_trial_until_the_next_bench(
    make_job, plugin_catalog, monkeypatch, capsys
):
    def build(*_, **__):
        raise UnavailableWeightsError("the weights of net cannot be loaded: no route; copy them", cause="no route")

    monkeypatch.setattr(module, "make_setup", build)
    job = make_job()
    record = run(job, plugin_catalog)
    assert (record.outcome, record.failure) == (Outcome.SKIPPED, None)
    assert record.reason == "published weights cannot be loaded: no route"
    assert "copy them" in capsys.readouterr().out
    monkeypatch.undo()
    assert run(job, plugin_catalog).outcome is Outcome.DONE
