"""What a search reads of a trial: the validation results of the weights that would be tested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.records.history import HistoryWriter
from harness.records.record import Failure, FailureKind, Outcome, Record, TrainingInfo
from harness.search.objective import result_of

from .toy_search import ToySearch

TRAINING = TrainingInfo(
    epochs_run=3, tested_epoch=2, best_val_accuracy=0.9, final_train_loss=0.1, seconds=1.0, micro_batch_size=8
)


def record_of(toys: ToySearch, **changes: Any) -> Record:
    spec = toys.combination().spec
    known = {"trial_id": "t", "result_key": "k", "measurement_key": "m", "outcome": Outcome.DONE, "spec": spec}
    return Record(**{**known, "training": TRAINING, **changes})


def test_the_tested_epoch_counts_and_not_the_best_one(toys: ToySearch, tmp_path: Path) -> None:
    history = HistoryWriter(tmp_path / "history.jsonl")
    for epoch, accuracy in enumerate([0.9, 0.8, 0.7], start=1):
        history.write({"event": "epoch", "epoch": epoch, "val_accuracy": accuracy, "val_loss": 1 - accuracy})
    history.close()
    seconds = {"total": 10.0, "wait": 3.0, "paused": 1.0}
    record = record_of(toys, seconds=seconds, files={"checkpoint.safetensors": "sum"})
    found = result_of(record, tmp_path)
    assert (found.value, found.val_loss, found.seconds, found.weights) == (0.8, pytest.approx(0.2), 6.0, "sum")
    assert found.is_done


@pytest.mark.parametrize(
    ("settings", "accuracy"),
    [
        ({}, 0.8),  # the last one
        ({"keep": "best"}, 0.9),
        ({"keep": "best", "monitor": "val_accuracy"}, 0.9),
        ({"keep": "best", "monitor": "val_loss"}, 0.7),
    ],
)
def test_a_paused_trial_is_judged_by_the_weights_that_training_has_kept_by_then(
    toys: ToySearch, tmp_path: Path, settings: dict[str, str], accuracy: float
) -> None:
    """It may have gone on since: the record then tells of later epochs."""
    history = HistoryWriter(tmp_path / "history.jsonl")
    for epoch, (value, loss) in enumerate([(0.9, 0.5), (0.7, 0.2), (0.9, 0.4), (0.8, 0.2), (0.95, 0.1)], start=1):
        history.write({"event": "epoch", "epoch": epoch, "val_accuracy": value, "val_loss": loss})
    history.close()
    record = record_of(toys)
    recipe = record.spec.recipe.model_copy(
        update={"hyperparameters": {**record.spec.recipe.hyperparameters, "keep": "last", **settings}}
    )
    record = record.model_copy(update={"spec": record.spec.model_copy(update={"recipe": recipe})})
    found = result_of(record, tmp_path, pause_after=4)
    assert found.value == accuracy
    assert found.val_loss == {0.9: 0.5, 0.8: 0.2, 0.7: 0.2}[accuracy]


def test_without_a_history_the_record_s_best_accuracy_counts(toys: ToySearch, tmp_path: Path) -> None:
    found = result_of(record_of(toys), tmp_path)
    assert (found.value, found.val_loss) == (0.9, None)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FailureKind.DIVERGED, 0.0),
        (FailureKind.OOM, 0.0),
        (FailureKind.TIMEOUT, 0.0),
        (FailureKind.KILLED, None),
        (FailureKind.DISK, None),
        (FailureKind.PLUGIN, None),
    ],
)
def test_a_failure_speaks_against_settings_only_if_they_may_be_at_fault(
    toys: ToySearch, tmp_path: Path, kind: FailureKind, value: float | None
) -> None:
    failure = Failure(kind=kind, message="it failed")
    record = record_of(toys, outcome=Outcome.FAILED, failure=failure, reason="it failed", training=None)
    found = result_of(record, tmp_path)
    assert (found.outcome, found.reason, found.value, found.is_done) == ("failed", "it failed", value, False)
