"""Training a trial's network: what is recorded of it, and what becomes of memory that does not suffice."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch

import harness.training.loop as engine
import harness.trial.training as module
from harness.measuring import energy
from harness.records.history import read_history
from harness.records.predictions import load_predictions
from harness.records.record import Outcome

from .conftest import folder_of, run_job


def test_speed_is_measured_for_the_time_in_the_spec(make_job, plugin_catalog):
    record = run_job(make_job(hyperparameters={"epochs": 1}, measure_seconds=0.01), plugin_catalog)
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
    (warning,) = run_job(make_job(hyperparameters={"epochs": 1}), plugin_catalog).warnings
    said = "out of memory with 16 images at a time: training used at most 8 at a time and accumulated the gradients"
    assert warning.startswith(f"{said} of each batch{expected}")
    assert ("results differ" in warning) == (least == 2)


def test_a_trial_whose_graphs_do_not_fit_trains_without_them_and_predicts_the_same(
    make_job, plugin_catalog, monkeypatch
):
    """On a CPU, graphs are only pretended: the compiled network is the network itself."""
    whole, given_up = make_job("whole"), make_job("given_up", compile="graphs", layout="channels_last")
    run_job(whole, plugin_catalog)
    calls = []

    def compiled(model, *, graphs=False):
        def forward(images_BCHW):
            calls.append(graphs)
            if graphs and len(calls) > 6:  # in the second epoch of four steps
                raise torch.OutOfMemoryError("CUDA out of memory")
            return model(images_BCHW)

        return forward

    monkeypatch.setattr(engine, "compiled", compiled)
    record = run_job(given_up, plugin_catalog)
    assert record.outcome is Outcome.DONE
    assert record.warnings == (
        "CUDA graphs could not be recorded or replayed: CUDA out of memory; it was trained without them",
    )
    assert (record.tuning.compile, record.tuning.graphs) == (True, False)
    assert calls[:7] == [True] * 7
    assert not any(calls[7:])
    rows = read_history(folder_of(given_up) / "history.jsonl")
    assert [row["epoch"] for row in rows if row["event"] == "epoch"] == [1, 2, 3]
    mine, theirs = (load_predictions(folder_of(job)).predictions.logits for job in (given_up, whole))
    assert np.array_equal(mine, theirs)


def test_the_peak_leaves_out_what_was_tried_in_the_first_epoch(make_job, plugin_catalog, monkeypatch):
    epochs = []
    monkeypatch.setattr(module.PeakMemory, "forget_trials", lambda memory: epochs.append("forgotten"))
    run_job(make_job("several", hyperparameters={"epochs": 3}), plugin_catalog)
    assert epochs == ["forgotten"]
    run_job(make_job("one", hyperparameters={"epochs": 1}), plugin_catalog)
    assert epochs == ["forgotten"], "nothing would be left to measure"


def joules_of(job):
    return [row["joules"] for row in read_history(folder_of(job) / "history.jsonl") if row["event"] == "epoch"]


def test_each_epoch_has_its_energy_and_the_record_the_counter_or_the_reason(
    make_job, plugin_catalog, monkeypatch, tmp_path
):
    package = tmp_path / "powercap" / "intel-rapl:0"
    monkeypatch.setattr(energy, "_POWERCAP", package.parent)
    without = make_job("without", hyperparameters={"epochs": 2})
    record = run_job(without, plugin_catalog)
    assert record.training.energy_counter == ""
    assert record.training.energy_problem.startswith("the processor's energy counter (RAPL) is not shown")
    assert joules_of(without) == [None, None]

    package.mkdir(parents=True)
    for name, content in (("name", "package-0"), ("max_energy_range_uj", "9000000000"), ("energy_uj", "0")):
        (package / name).write_text(content)
    asked = itertools.count(0, 5)  # 5 J between one question and the next: one before each epoch, one after
    monkeypatch.setattr(energy._Packages, "joules", lambda packages: float(next(asked)))
    measured = make_job("measured", hyperparameters={"epochs": 2})
    record = run_job(measured, plugin_catalog)
    assert (record.training.energy_counter, record.training.energy_problem) == ("RAPL", "")
    assert joules_of(measured) == [5.0, 5.0]
