"""Pooled folds: the folds of a seed become one trial that was tested on every image."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from harness.records.derived.pooled_folds import complete_seeds, concatenated, pool_folds, speed_over
from harness.records.keys import result_key
from harness.records.predictions import FILE_NAME, SavedPredictions, load_predictions, save_predictions
from harness.records.record import DataInfo, Latency, Outcome, Rate, Record, SpeedInfo
from harness.records.spec import DatasetSpec, ProviderSpec
from harness.records.store import Store, read_record, trial_id, write_record
from harness.records.trial_lock import LOCK_FILE
from harness.system.atomic_files import sha256_of
from zoo.catalog import Entry, Provider
from zoo.errors import StoreError
from zoo.metric import Metric, Predictions

FOLDS, IMAGES = 3, 12
WHOLE = "e" * 64
WriteFold = Callable[..., Record]


def share_right(predictions: Predictions) -> float:
    return float((predictions.logits.argmax(axis=1) == predictions.labels).mean())


METRICS = [
    Entry(
        record=Metric(name="hits", compute=share_right, version=2),
        full_name="test/hits",
        provider=Provider(name="test", origin="file", module="test.py"),
    )
]


def saved(samples: list[int], *, wrong: int = 0, classes: tuple[str, ...] = ("a", "b")) -> SavedPredictions:
    """Return predictions whose labels are the samples modulo two, and of which the first ones are wrong."""
    labels = np.array(samples) % 2
    given = np.where(np.arange(len(samples)) < wrong, 1 - labels, labels)
    logits = np.eye(len(classes), dtype=np.float32)[given] * (1 + np.array(samples, dtype=np.float32)[:, None])
    predictions = Predictions(logits=logits, labels=labels, classes=classes)
    return SavedPredictions(predictions=predictions, samples=np.array(samples, dtype=np.uint64))


def rate(median: float) -> Rate:
    return Rate(median=median, low=median - 1, high=median + 1, windows=3, batch_size=32)


@pytest.fixture
def store(tmp_path: Any) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def write_fold(store: Store, small_record: Record) -> WriteFold:
    """Write the trial of one fold, which is tested on every third image."""

    def write(fold: int, *, seed: int = 0, wrong: int = 0, whole: str = WHOLE, **changes: Any) -> Record:
        dataset = DatasetSpec(
            full_name="p/dots", display_name="dots", provider=ProviderSpec(plugin="p"), folds=FOLDS, fold=fold
        )
        spec = small_record.spec.model_copy(update={"dataset": dataset, "seed": seed})
        fingerprint = f"{whole[:-1]}{fold}"
        key = result_key(spec, fingerprint=fingerprint, torch_version="2.11.0")
        folder = store.folder(trial_id(spec, key))
        folder.mkdir(parents=True)
        mine = list(range(IMAGES - FOLDS + fold - 1, -1, -FOLDS))
        save_predictions(folder, saved(mine, wrong=wrong))
        data = DataInfo(
            fingerprint=fingerprint,
            whole_fingerprint=whole,
            classes=("a", "b"),
            image_size=8,
            channels=1,
            num_train=10 - fold,
            num_val=fold,
            num_test=len(mine),
        )
        fields = {
            "trial_id": folder.name,
            "result_key": key,
            "measurement_key": "m",
            "outcome": Outcome.DONE,
            "spec": spec,
            "data": data,
            "seconds": {"train": 1.0, "total": 2.0},
            "environment": {"torch": "2.11.0"},
            "started_at": f"2026-01-0{fold}T00:00:00+00:00",
            "files": {FILE_NAME: sha256_of(folder / FILE_NAME)},
        }
        record = Record(**{**fields, **changes})
        write_record(folder, record)
        return record

    return write


def test_predictions_of_all_folds_are_one_test_set_in_the_order_of_the_images() -> None:
    whole = concatenated([saved([5, 2, 8]), saved([1, 7], wrong=1)])
    assert whole.samples.tolist() == [1, 2, 5, 7, 8]
    assert whole.predictions.labels.tolist() == [1, 0, 1, 1, 0]
    assert whole.predictions.logits.tolist() == [[2, 0], [3, 0], [0, 6], [0, 8], [9, 0]]


def test_each_image_of_pooled_predictions_keeps_its_fold(tmp_path: Path) -> None:
    pooled = concatenated([saved([5, 1]), saved([4, 2, 0]), saved([3])])
    assert pooled.samples.tolist() == [0, 1, 2, 3, 4, 5]
    save_predictions(tmp_path, pooled)
    again = load_predictions(tmp_path)
    assert again.folds is not None
    assert again.folds.tolist() == [2, 1, 2, 3, 2, 1]
    save_predictions(tmp_path, saved([1, 2]))
    assert load_predictions(tmp_path).folds is None


def test_an_image_in_two_folds_is_refused() -> None:
    with pytest.raises(StoreError, match="an image was tested in two folds"):
        concatenated([saved([1, 2]), saved([2, 3])])


def test_folds_of_other_classes_are_refused() -> None:
    with pytest.raises(StoreError, match="different classes"):
        concatenated([saved([1, 2]), saved([3, 4], classes=("a", "c"))])


def test_a_seed_is_complete_if_all_its_folds_are_done(write_fold: WriteFold) -> None:
    whole = [write_fold(fold, seed=1) for fold in (3, 1, 2)]
    missing = [write_fold(fold, seed=2) for fold in (1, 2)]
    interrupted = [write_fold(fold, seed=3) for fold in (1, 2)]
    interrupted.append(write_fold(3, seed=3, outcome=Outcome.INTERRUPTED))
    (seed,) = complete_seeds([*whole, *missing, *interrupted])
    assert [(record.spec.seed, record.spec.dataset.fold) for record in seed] == [(1, 1), (1, 2), (1, 3)]


def test_folds_of_other_images_are_not_of_one_seed(write_fold: WriteFold) -> None:
    records = [write_fold(1), write_fold(2), write_fold(3, whole="d" * 64)]
    assert complete_seeds(records) == []


def test_a_trial_without_folds_is_passed_over(store: Store, small_record: Record) -> None:
    assert pool_folds(store, [small_record], METRICS) == ([], [])


def test_the_record_is_that_of_one_trial_on_all_images(store: Store, write_fold: WriteFold) -> None:
    folds = [
        write_fold(1, wrong=2),
        write_fold(2, wrong=1, warnings=("it was warm", "metric hits: odd")),
        write_fold(3, seconds={"train": 4.0, "build": 0.5, "total": 5.0}),
    ]
    (whole,), problems = pool_folds(store, folds, METRICS)
    assert problems == []
    assert whole.spec == folds[0].spec.whole
    assert (whole.metrics["hits"].value, whole.metrics["hits"].version) == (pytest.approx(9 / 12), 2)
    assert whole.data is not None
    assert (whole.data.num_train, whole.data.num_val, whole.data.num_test) == (7, 1, IMAGES)
    assert (whole.data.fingerprint, whole.data.whole_fingerprint) == (WHOLE, "")
    assert whole.seconds == {"train": 6.0, "total": 9.0, "build": 0.5}
    assert whole.warnings == ("fold 2: it was warm",)
    assert whole.started_at == "2026-01-01T00:00:00+00:00"
    assert whole.folds == {record.trial_id: record.files[FILE_NAME] for record in folds}
    folder = store.folder(whole.trial_id)
    assert read_record(folder / "record.json") == whole
    assert load_predictions(folder, sha256=whole.files[FILE_NAME]).samples.tolist() == list(range(IMAGES))


def test_pooling_again_changes_nothing(store: Store, write_fold: WriteFold) -> None:
    records = [write_fold(fold) for fold in (1, 2, 3)]
    (first,), _ = pool_folds(store, records, METRICS)
    written = (store.folder(first.trial_id) / "record.json").stat().st_mtime_ns
    assert pool_folds(store, records, METRICS) == ([first], [])
    assert (store.folder(first.trial_id) / "record.json").stat().st_mtime_ns == written


def test_lost_predictions_are_put_together_again_bit_for_bit(store: Store, write_fold: WriteFold) -> None:
    records = [write_fold(fold) for fold in (1, 2, 3)]
    (first,), _ = pool_folds(store, records, METRICS)
    path = store.folder(first.trial_id) / FILE_NAME
    content = path.read_bytes()
    path.unlink()
    assert pool_folds(store, records, METRICS) == ([first], [])
    assert path.read_bytes() == content


def test_a_fold_with_changed_predictions_is_not_pooled(store: Store, write_fold: WriteFold) -> None:
    records = [write_fold(fold) for fold in (1, 2, 3)]
    shutil.copy(store.folder(records[0].trial_id) / FILE_NAME, store.folder(records[1].trial_id) / FILE_NAME)
    complete, (problem,) = pool_folds(store, records, METRICS)
    assert complete == []
    assert "does not match the checksum" in problem
    assert records[0].spec.whole.title in problem


def test_a_trial_that_another_process_works_on_is_left_alone(
    store: Store, write_fold: WriteFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire = FileLock.acquire
    monkeypatch.setattr(FileLock, "acquire", lambda lock, timeout=None: acquire(lock, 0.01))
    records = [write_fold(fold) for fold in (1, 2, 3)]
    (whole,), _ = pool_folds(store, records, METRICS)
    with FileLock(store.folder(whole.trial_id) / LOCK_FILE):
        complete, (problem,) = pool_folds(store, records, METRICS)
    assert complete == []
    assert "in use by another process" in problem


def test_a_speed_is_the_median_over_folds_with_the_whole_range_of_their_windows() -> None:
    folds = [
        SpeedInfo(
            inference=rate(speed),
            latency=Latency(p50_ms=speed / 100, p95_ms=speed / 50, runs=9),
            peak_memory_mib=memory,
            foreign_cores=foreign,
            notes=("loaded", note),
            seconds=2.0,
        )
        for speed, memory, foreign, note in ((100, 5.0, 0.1, "a"), (900, None, 0.7, "b"), (200, 9.0, None, "a"))
    ]
    speed = speed_over(folds)
    assert speed.inference == Rate(median=200, low=99, high=901, windows=9, batch_size=32)
    assert speed.latency == Latency(p50_ms=2.0, p95_ms=4.0, runs=27)
    assert (speed.peak_memory_mib, speed.foreign_cores, speed.seconds) == (7.0, 0.7, 6.0)
    assert speed.notes == ("loaded", "a", "b")
    assert speed.train is speed.compile_seconds is speed.best_inference is None


def test_speeds_count_only_where_most_folds_were_measured_alike(store: Store, write_fold: WriteFold) -> None:
    records = [
        write_fold(fold, measurement_key=key, speed=SpeedInfo(inference=rate(speed)))
        for fold, key, speed in ((1, "other", 5000.0), (2, "usual", 100.0), (3, "usual", 200.0))
    ]
    (whole,), _ = pool_folds(store, records, METRICS)
    assert whole.measurement_key == "usual"
    assert whole.speed is not None
    assert whole.speed.inference is not None
    assert whole.speed.inference.median == 150.0
