"""Rows: written whole or not at all, under a name that follows from their content, and never twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.given.row import NewRow, write_row
from harness.records.copying import checked_trial
from harness.records.origin import Origin, OriginKind
from harness.records.predictions import SavedPredictions, load_predictions
from harness.records.record import DataInfo, Outcome
from harness.records.spec import ArchitectureSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import Store
from tests.harness.given.conftest import TOY
from zoo.catalog import Catalog
from zoo.errors import StoreError
from zoo.metric import Predictions

NONE = ProviderSpec(plugin="none")


def row(logits: list[list[float]], *, has_scores: bool = True) -> NewRow:
    samples = np.arange(len(logits), dtype=np.uint64)
    predictions = Predictions(
        logits=np.array(logits), labels=np.array([0, 1]), classes=("x", "y"), samples=samples, has_scores=has_scores
    )
    return NewRow(
        spec=TrialSpec(
            architecture=ArchitectureSpec(full_name="predictions/net", display_name="net", provider=NONE),
            dataset=TOY,
            recipe=RecipeSpec(
                full_name="zoo/predictions", display_name="predictions", provider=NONE, hyperparameters={}
            ),
            seed=0,
            execution=ExecutionSpec(precision="fp32", small_images="off"),
        ),
        origin=Origin(
            kind=OriginKind.PREDICTIONS, source="net.csv", files={"net.csv": "1" * 64}, has_scores=has_scores
        ),
        data=DataInfo(
            fingerprint="f",
            classes=("x", "y"),
            image_size=None,
            channels=None,
            num_train=None,
            num_val=None,
            num_test=2,
        ),
        saved=SavedPredictions(predictions=predictions, samples=samples),
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "runs")
    made.create()
    return made


def test_a_row_is_a_finished_trial_that_may_be_copied(store: Store, catalog: Catalog) -> None:
    record, is_new = write_row(store, row([[0.1, -1.0], [0.3, 0.7]]), list(catalog.metrics))
    assert is_new
    assert record.outcome is Outcome.DONE
    assert (record.model, record.speed, record.training) == (None, None, None)
    folder = store.folder(record.trial_id)
    assert checked_trial(folder) == record == store.read(record.trial_id)
    assert {path.name for path in store.root.iterdir()} == {record.trial_id}
    assert record.metrics["accuracy"].value == 1.0
    assert {"nll", "brier", "roc_auc", "calibration_error"} <= record.metrics.keys()
    assert load_predictions(folder).predictions.logits.tolist() == [[0.1, -1.0], [0.3, 0.7]]


def test_a_row_of_classes_has_no_metric_that_needs_scores(store: Store, catalog: Catalog) -> None:
    record, _ = write_row(store, row([[1, 0], [1, 0]], has_scores=False), list(catalog.metrics))
    assert record.metrics["accuracy"].value == 0.5
    assert {"macro_f1", "confusion", "matthews_corrcoef", "per_class_f1", "binary_f1"} <= record.metrics.keys()
    needing = {each.display_name for each in catalog.metrics if each.record.needs_scores}
    assert {"nll", "brier", "roc_auc", "calibration_error", "top3", "best_threshold"} <= needing
    assert not needing & record.metrics.keys()


def test_a_row_that_is_there_is_not_written_again(store: Store, catalog: Catalog) -> None:
    first, _ = write_row(store, row([[0, 1], [0, 1]]), list(catalog.metrics))
    again, is_new = write_row(store, row([[0, 1], [0, 1]]), list(catalog.metrics))
    assert (again, is_new) == (first, False)
    other = row([[0, 1], [0, 1]])
    other = replace(other, origin=other.origin.model_copy(update={"files": {"net.csv": "2" * 64}}))
    assert write_row(store, other, list(catalog.metrics))[1], "another file of that name is another row"
    assert len(list(store.records())) == 2


def test_something_else_in_its_place_is_kept(store: Store, catalog: Catalog) -> None:
    record, _ = write_row(store, row([[0, 1], [0, 1]]), [])
    (store.folder(record.trial_id) / "record.json").unlink()
    with pytest.raises(StoreError, match="is there already, and holds no finished row: remove it"):
        write_row(store, row([[0, 1], [0, 1]]), [])


def test_a_row_that_cannot_be_written_leaves_nothing(
    store: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.given.row.write_record", full)
    with pytest.raises(StoreError, match="cannot be written: No space left on device"):
        write_row(store, row([[0, 1], [0, 1]]), [])
    assert list(store.root.iterdir()) == []
