"""What the tests of listeners share: made-up events, and TensorBoard and MLflow read back with their own readers."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zoo import build_catalog
from zoo.events import BenchEnded, BenchStarted, EpochEnded, Event, TrialEnded, TrialStarted
from zoo.listener import Listener
from zoo.loading import Sources

TRACKERS = ("tensorboard", "mlflow")
TRIAL = "net--digits--quick--s0--abc"
RECORD = {
    "result_key": "abc" * 20,
    "spec": {
        "architecture": {"full_name": "zoo/net", "options": {"width": 8}},
        "dataset": {"full_name": "zoo/folder", "argument": "a b", "options": {}, "limit_train": None},
        "recipe": {"full_name": "zoo/quick", "hyperparameters": {"lr": 0.1, "flip": True, "schedule": "cosine"}},
        "seed": 0,
        "execution": {"device": "cpu", "threads": 1},
    },
    "model": {"params": 650, "macs": None},
    "training": {"epochs_run": 3},
    "metrics": {"accuracy": {"value": 0.75}, "roc_auc": {"value": None}, "confusion": {"value": [[1.0]]}},
    "speed": {"train": {"median": 1000.0}, "latency": {"p50_ms": 2.0}},
    "seconds": {"total": 1.5},
}


def epoch(number: int, **changed: Any) -> EpochEnded:
    values = {
        "train_loss": 1 / number, "train_accuracy": None, "val_loss": 2 / number, "val_accuracy": 0.25 * number,
        "lr": 0.1, "images_per_second": 500.0, "seconds": 1.0,
    }  # fmt: skip
    return EpochEnded(trial_id=TRIAL, epoch=number, epochs=3, **{**values, **changed})


def started() -> TrialStarted:
    return TrialStarted(trial_id=TRIAL, title="net · a b · quick · seed 0", number=1, total=1)


def ended(outcome: str = "done", *, reused: bool = False, reason: str = "") -> TrialEnded:
    return TrialEnded(
        trial_id=TRIAL, title="net · a b · quick · seed 0", number=1, total=1, outcome=outcome, reused=reused,
        reason=reason, record=RECORD,
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "runs of mine"


@pytest.fixture
def tell(store: Path) -> Callable[..., None]:
    """Open a built-in listener anew, as each bench does, and let it hear of a bench."""

    def tell(name: str, *events: Event, over: bool = True) -> None:
        hear = built_in(name).open(store)
        hear(BenchStarted(store=store, trials=((TRIAL, "net"),)))
        for event in events:
            hear(event)
        if over:
            hear(BenchEnded(counts={}, interrupted=False))

    return tell


@pytest.fixture
def write_history(store: Path) -> Callable[..., None]:
    def write(*numbers: int) -> None:
        rows = [{"event": "phase", "phase": "train"}]
        for number in numbers:
            event = epoch(number)
            names = [name for name in EpochEnded.__dataclass_fields__ if name != "trial_id"]
            rows.append({"event": "epoch", **{name: getattr(event, name) for name in names}, "crc32": 1})
        path = store / TRIAL / "history.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"event": "epo')

    return write


def built_in(name: str) -> Listener:
    return build_catalog(Sources(entry_points=False)).listeners.get(name).record


@dataclass
class Shown:
    """A trial as a tracker shows it."""

    curves: dict[str, list[tuple[int, float]]]
    parameters: dict[str, Any]
    outcome: str


def read_tensorboard(store: Path, trial: str = TRIAL) -> Shown:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.metadata import SESSION_START_INFO_TAG, parse_session_start_info_plugin_data
    from tensorboard.util.tensor_util import make_ndarray

    run = EventAccumulator(str(store / "tensorboard" / trial))
    run.Reload()
    points = {
        tag: [(point.step, make_ndarray(point.tensor_proto).item()) for point in run.Tensors(tag)]
        for tag in run.Tags()["tensors"]
        if not tag.startswith("_hparams_")
    }
    outcomes = points.pop("trial/outcome", [(0, b"")])
    points.pop("trial/parameters", None)
    parameters = {}
    if SESSION_START_INFO_TAG in run.Tags()["tensors"]:
        content = run.SummaryMetadata(SESSION_START_INFO_TAG).plugin_data.content
        given = parse_session_start_info_plugin_data(content).hparams
        parameters = {name: getattr(value, value.WhichOneof("kind")) for name, value in given.items()}
    return Shown(curves=points, parameters=parameters, outcome=outcomes[-1][1].decode())


def mlflow_runs(store: Path) -> tuple[Any, list[Any]]:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{store / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("zoo")
    assert experiment is not None
    return client, list(client.search_runs([experiment.experiment_id]))


def read_mlflow(store: Path, trial: str = TRIAL) -> Shown:
    client, runs = mlflow_runs(store)
    (run,) = [run for run in runs if run.data.tags["zoo.trial_id"] == trial]
    curves = {
        name: sorted((point.step, point.value) for point in client.get_metric_history(run.info.run_id, name))
        for name in run.data.metrics
    }
    return Shown(curves=curves, parameters=run.data.params, outcome=run.info.status)


READERS = {"tensorboard": read_tensorboard, "mlflow": read_mlflow}


@pytest.fixture(params=TRACKERS)
def tracker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    return _require(request.param, monkeypatch)


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> str:
    return _require("mlflow", monkeypatch)


@pytest.fixture
def tensorboard(monkeypatch: pytest.MonkeyPatch) -> str:
    return _require("tensorboard", monkeypatch)


def _require(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"needs the extra zoobench[{name}]")
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(variable, raising=False)
    return name


@pytest.fixture
def told() -> SimpleNamespace:
    """Made-up events, and what reads back a trial as a tracker shows it."""
    return SimpleNamespace(
        TRIAL=TRIAL, RECORD=RECORD, READERS=READERS, started=started, epoch=epoch, ended=ended, built_in=built_in,
        read_tensorboard=read_tensorboard, mlflow_runs=mlflow_runs,
    )  # fmt: skip
