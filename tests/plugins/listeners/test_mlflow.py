"""Runs for MLflow: their tags, and where they are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries' own warnings


def test_mlflow_runs_carry_the_trials_tags(mlflow: str, tell: Callable[..., None], store: Path, told: Any) -> None:
    tell(mlflow, told.started(), told.ended())
    tell(mlflow, told.started(), told.ended())
    _, (run,) = told.mlflow_runs(store)
    expected = {
        "zoo.trial_id": told.TRIAL,
        "zoo.result_key": "abc" * 20,
        "zoo.outcome": "done",
        "zoo.store": str(store),
    }
    assert expected.items() <= run.data.tags.items()
    assert run.info.run_name == "net · a b · quick · seed 0"


def test_mlflow_uses_the_tracking_uri_of_its_environment(
    mlflow: str, tell: Callable[..., None], store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Any
) -> None:
    from mlflow import MlflowClient

    place = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", place)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "small nets")
    monkeypatch.chdir(tmp_path)
    tell(mlflow, told.started(), told.epoch(1), told.ended())
    experiment = MlflowClient(place).get_experiment_by_name("small nets")
    assert len(MlflowClient(place).search_runs([experiment.experiment_id])) == 1
    assert not (store / "mlflow" / "mlflow.db").exists()
