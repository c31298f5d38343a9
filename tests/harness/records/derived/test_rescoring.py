"""Rescoring: new values from saved predictions, and nothing lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from harness.records.derived.rescoring import rescore
from harness.records.merging import merge
from harness.records.predictions import FILE_NAME, SavedPredictions, further_file, load_predictions, save_predictions
from harness.records.record import MetricValue, Outcome, Record, TestSetKind, TestSetResult
from harness.records.runtime_result import read_result
from harness.records.store import RECORD_FILE, Store, read_record, trial_id, write_record
from harness.system.atomic_files import sha256_of
from zoo.catalog import Entry, Provider
from zoo.metric import Metric, Predictions

PROVIDER = Provider(name="test", origin="file", module="test.py")
WriteTrial = Callable[..., Path]


def entry(
    name: str = "hits", *, version: int = 1, compute: Callable[[Predictions], Any] | None = None
) -> Entry[Metric]:
    """Make a metric: the share right, unless *compute* says otherwise."""

    def hits(predictions: Predictions) -> float:
        return float((predictions.logits.argmax(axis=1) == predictions.labels).mean())

    return Entry(
        record=Metric(name=name, compute=compute or hits, version=version), full_name=f"test/{name}", provider=PROVIDER
    )


def broken(predictions: Predictions) -> float:
    raise RuntimeError("no luck")


@pytest.fixture
def write_trial(tmp_path: Path, small_record: Record) -> WriteTrial:
    """Write a trial that has three of four images right."""

    def write(store: str = "runs", **fields: Any) -> Path:
        key = "ab" * 32
        folder = tmp_path / store / trial_id(small_record.spec, key)
        folder.mkdir(parents=True)
        logits = np.eye(2, dtype=np.float32)[[0, 1, 0, 0]]
        saved = Predictions(logits=logits, labels=np.array([0, 1, 0, 1]), classes=("a", "b"))
        save_predictions(folder, SavedPredictions(predictions=saved, samples=np.arange(4, dtype=np.uint64)))
        changes = {
            "trial_id": folder.name,
            "result_key": key,
            "metrics": {"hits": MetricValue(value=0.1), "other": MetricValue(value=0.2)},
            "files": {FILE_NAME: sha256_of(folder / FILE_NAME)},
            **fields,
        }
        write_record(folder, small_record.model_copy(update=changes))
        return folder

    return write


def metrics_of(folder: Path) -> dict[str, MetricValue]:
    return read_record(folder / RECORD_FILE).metrics


def test_a_fixed_metric_gets_its_new_value_and_version_and_others_stay(write_trial: WriteTrial) -> None:
    folder = write_trial()
    summary = rescore([folder], [entry(version=2)])
    assert (summary.changed, summary.changes, summary.problems) == (1, {"hits": 1}, ())
    assert metrics_of(folder) == {"hits": MetricValue(value=0.75, version=2), "other": MetricValue(value=0.2)}


def test_a_new_metric_is_added_and_a_second_time_changes_nothing(write_trial: WriteTrial) -> None:
    folder = write_trial()
    assert rescore([folder], [entry("fresh")]).changed == 1
    content = (folder / RECORD_FILE).read_bytes()
    again = rescore([folder], [entry("fresh")])
    assert (again.changed, again.unchanged) == (0, 1)
    assert (folder / RECORD_FILE).read_bytes() == content
    assert metrics_of(folder)["fresh"].value == 0.75


def test_a_metric_that_raises_keeps_its_earlier_value_and_is_reported(write_trial: WriteTrial) -> None:
    folder = write_trial()
    summary = rescore([folder], [entry(compute=broken), entry("fresh")])
    assert metrics_of(folder)["hits"].value == 0.1
    assert metrics_of(folder)["fresh"].value == 0.75
    (problem,) = summary.problems
    assert "metric 'test/hits' has no value: RuntimeError: no luck" in problem


def test_a_warning_goes_with_what_it_warned_of(write_trial: WriteTrial) -> None:
    warnings = ("metric 'test/hits' has no value: RuntimeError: no luck", "metric 'test/hits2' has no value: x")
    folder = write_trial(warnings=warnings)
    rescore([folder], [entry()])
    assert read_record(folder / RECORD_FILE).warnings == warnings[1:]


def test_a_metric_that_needs_more_gets_it_from_the_store_or_is_counted_with_what_is_missing(
    write_trial: WriteTrial,
) -> None:
    bare, rich = write_trial("a"), write_trial("b")
    saved = load_predictions(rich)
    predictions = replace(saved.predictions, groups=np.array([1, 1, 2, 2], dtype=np.uint64))
    path = save_predictions(rich, replace(saved, predictions=predictions))
    record = read_record(rich / RECORD_FILE)
    write_record(rich, record.model_copy(update={"files": {FILE_NAME: sha256_of(path)}}))

    def worst(predictions: Predictions) -> float:
        right_N = predictions.logits.argmax(axis=1) == predictions.labels
        return float(min(right_N[predictions.groups == group].mean() for group in (1, 2)))

    summary = rescore([bare, rich], [replace(entry(), record=Metric(name="worst", compute=worst, needs=("groups",)))])
    assert summary.lacking == {"worst": ("groups of the images", 1)}
    assert (summary.changed, summary.unchanged, summary.problems) == (1, 1, ())
    assert metrics_of(rich)["worst"].value == 0.5
    assert "worst" not in metrics_of(bare)


def test_predictions_that_do_not_fit_their_sum_are_not_scored(write_trial: WriteTrial) -> None:
    folder = write_trial()
    content = bytearray((folder / FILE_NAME).read_bytes())
    content[-1] ^= 1
    (folder / FILE_NAME).write_bytes(content)
    summary = rescore([folder], [entry()])
    assert summary.changed == 0
    assert "does not match the checksum" in summary.problems[0]
    assert metrics_of(folder)["hits"].value == 0.1


def test_missing_predictions_and_missing_checksums_are_reported(write_trial: WriteTrial) -> None:
    no_sum, no_file = write_trial("a", files={}), write_trial("b")
    (no_file / FILE_NAME).unlink()
    summary = rescore([no_sum, no_file], [entry()])
    assert summary.changed == 0
    assert "no checksum" in summary.problems[0]
    assert f"has no {FILE_NAME}" in summary.problems[1]


def test_a_trial_that_another_process_is_at_is_left_alone(write_trial: WriteTrial) -> None:
    folder, free = write_trial("a"), write_trial("b")
    with FileLock(folder / ".lock"):
        summary = rescore([folder, free], [entry()])
    assert summary.changed == 1
    assert "in use" in summary.problems[0]
    assert metrics_of(folder)["hits"].value == 0.1


def test_trials_that_are_not_done_are_counted_and_are_no_problem(write_trial: WriteTrial) -> None:
    summary = rescore([write_trial(outcome=Outcome.INTERRUPTED)], [entry()])
    assert (summary.changed, summary.not_done, summary.problems) == (0, 1, ())


def test_a_rescored_trial_does_not_clash_with_its_earlier_self(write_trial: WriteTrial, tmp_path: Path) -> None:
    write_trial("a")
    rescore([write_trial("b")], [entry()])
    summary = merge([tmp_path / "a", tmp_path / "b"], Store(tmp_path / "c"))
    assert (summary.added, summary.known, summary.clashes) == (1, 1, ())


def test_runtime_results_are_rescored_from_their_own_predictions(
    write_trial: WriteTrial, add_runtime: Callable[..., Path]
) -> None:
    folder = write_trial()
    path = add_runtime(folder, wrong=1)
    summary = rescore([folder], [entry(version=2)])
    assert (summary.changed, summary.changes, summary.problems) == (1, {"hits": 1}, ())
    assert metrics_of(folder)["hits"] == MetricValue(value=0.75, version=2)
    assert read_result(path).metrics["hits"] == MetricValue(value=0.5, version=2)
    assert rescore([folder], [entry(version=2)]).unchanged == 1


def test_a_runtime_whose_predictions_were_changed_is_left_alone(
    write_trial: WriteTrial, add_runtime: Callable[..., Path]
) -> None:
    folder = write_trial()
    path = add_runtime(folder, files={"predictions-onnx.safetensors": "0" * 64})
    before = path.read_bytes()
    summary = rescore([folder], [entry()])
    assert summary.changed == 1
    assert "predictions-onnx.safetensors does not match the checksum" in summary.problems[0]
    assert path.read_bytes() == before


def test_further_test_sets_are_rescored_too(write_trial: WriteTrial) -> None:
    folder = write_trial()
    record = read_record(folder / RECORD_FILE)
    logits = np.eye(2, dtype=np.float32)[[0, 1, 1, 1]]
    saved = Predictions(logits=logits, labels=np.array([0, 1, 0, 0]), classes=("a", "b"))
    path = save_predictions(
        folder, SavedPredictions(predictions=saved, samples=np.arange(4, dtype=np.uint64)), name=further_file("fog-1")
    )
    result = TestSetResult(
        kind=TestSetKind.CORRUPTION,
        source="fog",
        key="k",
        fingerprint="f",
        num_images=4,
        metrics={"old": MetricValue(value=1)},
    )
    files = {**record.files, path.name: sha256_of(path)}
    write_record(folder, record.model_copy(update={"test_sets": {"fog-1": result}, "files": files}))
    summary = rescore([folder], [entry()])
    assert (summary.changed, summary.problems) == (1, ())
    metrics = read_record(folder / RECORD_FILE).test_sets["fog-1"].metrics
    assert (metrics["hits"].value, metrics["old"].value) == (0.5, 1)
    assert rescore([folder], [entry()]).unchanged == 1
    failed = rescore([folder], [entry(version=2), entry("old", compute=broken)])
    assert len(failed.problems) == 2, "of the test images, and of the further ones"
    assert "test set fog-1: metric 'test/old' has no value: RuntimeError: no luck" in failed.problems[1]
    kept = read_record(folder / RECORD_FILE).test_sets["fog-1"].metrics
    assert kept == {"hits": MetricValue(value=0.5, version=2), "old": MetricValue(value=1)}
    path.write_bytes(b"")
    assert "does not match the checksum" in rescore([folder], [entry()]).problems[0]
