"""Trials without some images: fewer predictions, metrics of the rest, and the originals as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.records.derived.without_samples import write_without
from harness.records.predictions import FILE_NAME, SavedPredictions, load_predictions, save_predictions
from harness.records.record import DataInfo, Outcome, Record
from harness.records.store import read_record
from harness.system.atomic_files import sha256_of
from zoo import Catalog
from zoo.metric import Predictions


@pytest.fixture
def trial(tmp_path: Path, small_record: Record) -> tuple[Path, Record]:
    """Four images; those with the ids 1 and 3 are wrong."""
    folder = tmp_path / "runs" / "trial"
    folder.mkdir(parents=True)
    predictions = Predictions(
        logits=np.eye(2, dtype=np.float32)[[0, 0, 1, 1]], labels=np.array([0, 1, 1, 0]), classes=("a", "b")
    )
    samples = np.arange(4, dtype=np.uint64)
    path = save_predictions(folder, SavedPredictions(predictions=predictions, samples=samples))
    data = DataInfo(fingerprint="f", classes=("a", "b"), image_size=8, channels=1, num_train=9, num_val=1, num_test=4)
    changes = {"outcome": Outcome.DONE, "files": {path.name: sha256_of(path)}, "data": data}
    return folder, small_record.model_copy(update=changes)


def test_metrics_are_those_of_the_images_that_are_left(trial, tmp_path: Path, catalog: Catalog) -> None:
    excluded = np.array([3, 99], dtype=np.uint64)
    ((folder, record),) = write_without([trial], excluded, tmp_path / "copies", list(catalog.metrics))
    assert record.metrics["accuracy"].value == pytest.approx(2 / 3)
    assert record.data is not None
    assert record.data.num_test == 3
    assert read_record(folder / "record.json") == record
    assert load_predictions(folder, sha256=record.files[FILE_NAME]).samples.tolist() == [0, 1, 2]
    assert load_predictions(trial[0]).samples.tolist() == [0, 1, 2, 3]


def test_trials_without_predictions_or_images_left_are_left_out(trial, tmp_path: Path) -> None:
    folder, record = trial
    failed = record.model_copy(update={"outcome": Outcome.FAILED})
    nothing = np.arange(4, dtype=np.uint64)
    assert write_without([(folder, failed)], nothing[:1], tmp_path / "a", []) == []
    assert write_without([trial], nothing, tmp_path / "b", []) == []
    (folder / FILE_NAME).write_bytes(b"")
    assert write_without([trial], nothing[:1], tmp_path / "c", []) == []
