"""``zoo rescore``: what it says, and how it exits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from harness.records.predictions import FILE_NAME, SavedPredictions, save_predictions
from harness.records.record import DataInfo, MetricValue, Outcome, Record
from harness.records.spec import ArchitectureSpec, DatasetSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import RECORD_FILE, read_record, trial_id, write_record
from harness.system.atomic_files import sha256_of
from zoo.metric import Predictions

Run = Callable[..., Result]
PROVIDER = ProviderSpec(plugin="p")
FIXED = """
    from zoo import Metric, hookimpl

    @hookimpl
    def zoo_metrics():
        yield Metric(name="luck", compute=lambda predictions: 0.25, version=3)
        yield Metric(name="bad", compute=lambda predictions: 1 / 0)
"""


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    """A trial with all of four images right, whose record says otherwise."""
    hyperparameters = {"lr": 0.1, "batch_size": 8}
    spec = TrialSpec(
        architecture=ArchitectureSpec(full_name="p/net", display_name="net", provider=PROVIDER),
        dataset=DatasetSpec(full_name="p/set", display_name="set", provider=PROVIDER),
        recipe=RecipeSpec(full_name="p/r", display_name="r", provider=PROVIDER, hyperparameters=hyperparameters),
        seed=0,
    )
    folder = tmp_path / "runs" / trial_id(spec, "ab" * 32)
    folder.mkdir(parents=True)
    labels = np.array([0, 1, 2, 0])
    right = Predictions(logits=np.eye(3, dtype=np.float32)[labels], labels=labels, classes=("a", "b", "c"))
    save_predictions(folder, SavedPredictions(predictions=right, samples=np.arange(4, dtype=np.uint64)))
    record = Record(
        trial_id=folder.name,
        result_key="ab" * 32,
        measurement_key="m",
        outcome=Outcome.DONE,
        spec=spec,
        data=DataInfo(
            fingerprint="f", classes=("a", "b", "c"), image_size=8, channels=1, num_train=8, num_val=2, num_test=4
        ),
        metrics={"accuracy": MetricValue(value=0.5, version=0), "luck": MetricValue(value=0.5)},
        files={FILE_NAME: sha256_of(folder / FILE_NAME)},
    )
    write_record(folder, record)
    return folder


def value(trial: Path, name: str) -> MetricValue:
    return read_record(trial / RECORD_FILE).metrics[name]


def test_all_metrics_are_computed_where_none_is_named(run_zoo: Run, trial: Path) -> None:
    result = run_zoo("rescore", str(trial.parent))
    assert result.exit_code == 0
    assert "1 trial rescored" in result.stdout
    assert value(trial, "accuracy").value == 1.0
    assert value(trial, "macro_f1").value == 1.0
    assert value(trial, "luck").value == 0.5  # no plugin here has it


def test_only_what_is_named_is_computed_also_a_plugins(
    run_zoo: Run, trial: Path, write_plugin: Callable[..., str]
) -> None:
    result = run_zoo("rescore", str(trial), "--metrics", "luck", "--plugin", write_plugin(FIXED))
    assert result.exit_code == 0
    assert value(trial, "luck") == MetricValue(value=0.25, version=3)
    assert value(trial, "accuracy").value == 0.5


def test_a_metric_that_raises_is_reported_and_exits_with_1(
    run_zoo: Run, trial: Path, write_plugin: Callable[..., str]
) -> None:
    result = run_zoo("rescore", str(trial), "--metrics", "bad", "--plugin", write_plugin(FIXED))
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stderr


def test_missing_names_and_folders_are_reported_together(run_zoo: Run, trial: Path) -> None:
    result = run_zoo("rescore", "nowhere", "--metrics", "macro_f2,acuracy", str(trial))
    assert result.exit_code == 2
    assert "did you mean 'macro_f1'" in result.stderr
    assert "did you mean 'accuracy'" in result.stderr
    assert "there is no folder nowhere" in result.stderr
    assert value(trial, "accuracy").value == 0.5


def test_the_table_names_numbers_of_an_older_metric_until_they_are_rescored(run_zoo: Run, trial: Path) -> None:
    note = "accuracy of 1 trial was computed by version 0 of the metric; run zoo rescore to update it to version 1"
    assert note in run_zoo("rank", str(trial.parent)).stdout
    run_zoo("rescore", str(trial.parent), "--metrics", "accuracy")
    assert "version" not in run_zoo("rank", str(trial.parent)).stdout


def test_the_files_beside_the_records_follow(run_zoo: Run, trial: Path) -> None:
    (trial.parent / "leaderboard.csv").write_text("old")
    run_zoo("rescore", str(trial.parent), "--metrics", "accuracy")
    assert "100.0" in (trial.parent / "leaderboard.md").read_text()
