"""TensorBoard and MLflow, read back with their own readers. They come with the extras of their names."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from zoo import build_catalog
from zoo.errors import PluginError
from zoo.events import BenchEnded, BenchStarted, EpochEnded, Event, TrialEnded, TrialStarted
from zoo.listener import Listener
from zoo.loading import Sources

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries' own warnings are theirs to mend
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


def test_a_trial_is_one_run_with_curves_parameters_results_and_outcome(
    tracker: str, tell: Callable[..., None], store: Path
) -> None:
    tell(tracker, started(), epoch(1), epoch(2), epoch(3), ended())
    shown = READERS[tracker](store)
    assert shown.curves["val/accuracy"] == [(1, 0.25), (2, 0.5), (3, 0.75)]
    assert [value for _, value in shown.curves["train/loss"]] == pytest.approx([1, 1 / 2, 1 / 3])
    assert "train/accuracy" not in shown.curves
    assert shown.curves["test/accuracy"] == [(3, 0.75)]
    assert {name for name in shown.curves if name.startswith("test/")} == {"test/accuracy"}
    assert shown.curves["model/params"] == [(3, 650)]
    assert shown.curves["speed/latency_p50_ms"] == [(3, 2.0)]
    assert shown.parameters["data"] == "zoo/folder:a b"
    assert float(shown.parameters["recipe.lr"]) == 0.1
    assert str(shown.parameters["recipe.flip"]) == "True"
    assert float(shown.parameters["model.width"]) == 8
    assert shown.outcome == {"tensorboard": "done", "mlflow": "FINISHED"}[tracker]


def test_a_trial_that_goes_on_adds_to_its_run_and_writes_no_point_twice(
    tracker: str, tell: Callable[..., None], store: Path
) -> None:
    tell(tracker, started(), epoch(1), epoch(2), over=False)  # killed
    tell(tracker, started(), epoch(1), epoch(2), ended("interrupted", reason="stopped by the user"))
    halfway = READERS[tracker](store)
    assert halfway.outcome == {"tensorboard": "interrupted: stopped by the user", "mlflow": "KILLED"}[tracker]
    assert "test/accuracy" not in halfway.curves
    tell(tracker, started(), epoch(1), epoch(2), epoch(3), ended())
    shown = READERS[tracker](store)
    assert shown.curves["val/accuracy"] == [(1, 0.25), (2, 0.5), (3, 0.75)]
    assert shown.curves["test/accuracy"] == [(3, 0.75)]
    assert shown.outcome == {"tensorboard": "done", "mlflow": "FINISHED"}[tracker]


def test_a_reused_trial_leaves_its_run_as_it_is(tracker: str, tell: Callable[..., None], store: Path) -> None:
    tell(tracker, started(), epoch(1), epoch(2), epoch(3), ended())
    before = READERS[tracker](store)
    tell(tracker, ended(reused=True))
    assert READERS[tracker](store) == before


def test_a_reused_trial_that_nobody_listened_to_gets_its_run_from_its_history(
    tracker: str, tell: Callable[..., None], store: Path, write_history: Callable[..., None]
) -> None:
    write_history(1, 2, 3)
    tell(tracker, ended(reused=True))
    shown = READERS[tracker](store)
    assert shown.curves["val/accuracy"] == [(1, 0.25), (2, 0.5), (3, 0.75)]
    assert shown.curves["test/accuracy"] == [(3, 0.75)]
    assert shown.outcome == {"tensorboard": "done", "mlflow": "FINISHED"}[tracker]


def test_a_failed_trial_says_so_and_has_no_results(tracker: str, tell: Callable[..., None], store: Path) -> None:
    tell(tracker, started(), epoch(1, train_loss=math.inf), ended("failed", reason="the loss is not finite"))
    shown = READERS[tracker](store)
    assert "test/accuracy" not in shown.curves
    assert "train/loss" not in shown.curves  # no infinite loss is drawn
    assert shown.curves["val/loss"] == [(1, 2.0)]
    assert shown.outcome == {"tensorboard": "failed: the loss is not finite", "mlflow": "FAILED"}[tracker]


def test_a_trial_that_another_bench_tells_of_is_left_to_it(
    tracker: str, tell: Callable[..., None], store: Path
) -> None:
    place = {"tensorboard": f"tensorboard/{TRIAL}/zoo.lock", "mlflow": f"mlflow/locks/{TRIAL}.lock"}[tracker]
    (store / place).parent.mkdir(parents=True)
    with FileLock(store / place):
        tell(tracker, started(), epoch(1))
    tell(tracker, started(), epoch(1), epoch(2))
    assert READERS[tracker](store).curves["val/accuracy"] == [(1, 0.25), (2, 0.5)]


def test_a_record_that_a_crash_tore_does_not_hide_what_follows(
    tensorboard: str, tell: Callable[..., None], store: Path
) -> None:
    tell(tensorboard, started(), epoch(1), epoch(2), over=False)
    (file,) = (store / "tensorboard" / TRIAL).glob("*tfevents*")
    file.write_bytes(file.read_bytes()[:-5])
    tell(tensorboard, started(), epoch(1), epoch(2), epoch(3))
    assert read_tensorboard(store).curves["val/accuracy"] == [(1, 0.25), (2, 0.5), (3, 0.75)]


def test_mlflow_runs_carry_the_trials_tags(mlflow: str, tell: Callable[..., None], store: Path) -> None:
    tell(mlflow, started(), ended())
    tell(mlflow, started(), ended())
    _, (run,) = mlflow_runs(store)
    expected = {"zoo.trial_id": TRIAL, "zoo.result_key": "abc" * 20, "zoo.outcome": "done", "zoo.store": str(store)}
    assert expected.items() <= run.data.tags.items()
    assert run.info.run_name == "net · a b · quick · seed 0"


def test_mlflow_goes_where_its_environment_says(
    mlflow: str, tell: Callable[..., None], store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    place = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", place)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "small nets")
    monkeypatch.chdir(tmp_path)
    tell(mlflow, started(), epoch(1), ended())
    experiment = MlflowClient(place).get_experiment_by_name("small nets")
    assert len(MlflowClient(place).search_runs([experiment.experiment_id])) == 1
    assert not (store / "mlflow" / "mlflow.db").exists()


@pytest.mark.parametrize("name", TRACKERS)
def test_a_listener_whose_library_is_missing_says_which_extra_has_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PluginError, match=rf"pip install 'zoobench\[{name}\]'"):
        built_in(name).open(tmp_path)


def test_the_modules_are_light_and_tensorboard_needs_neither_torch_nor_tensorflow(tmp_path: Path) -> None:
    code = f"""
import sys
from importlib.util import find_spec
from pathlib import Path
import plugins.listeners.mlflow
import plugins.listeners.tensorboard as listener
assert not {{"torch", "mlflow", "tensorboard", "numpy"}} & set(sys.modules), "heavy"
if find_spec("tensorboard"):
    hear = listener.open_tensorboard(Path({str(tmp_path)!r}))
    from zoo.events import TrialEnded
    hear(TrialEnded(trial_id="t", title="t", number=1, total=1, outcome="done", reused=False, reason="",
                    record={RECORD!r}))
    assert not {{"torch", "tensorflow", "mlflow"}} & set(sys.modules), "heavy"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_real_bench_is_shown_by_both_and_repeating_it_adds_nothing(
    tensorboard: str, mlflow: str, tmp_path: Path
) -> None:
    command = [
        sys.executable, "-c", "from zoo.cli import main; main()", "--no-plugins", "bench", "--models", "linear",
        "--recipes", "sgd_step", "--epochs", "2", "--seeds", "1", "--measure-seconds", "0", "--listen",
        "tensorboard,mlflow", "--quiet",
    ]  # fmt: skip
    environment = {**os.environ, "ZOO_CACHE": str(tmp_path / "cache"), "DO_NOT_TRACK": "true"}
    shown = []
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=250)
        assert done.returncode == 0, done.stderr
        (record,) = (tmp_path / "runs").glob("*/record.json")
        shown.append([read(tmp_path / "runs", record.parent.name) for read in READERS.values()])
    accuracy = json.loads(record.read_text())["metrics"]["accuracy"]["value"]
    for each in shown[0]:
        assert [step for step, _ in each.curves["train/loss"]] == [1, 2]
        assert each.curves["test/accuracy"] == [(2, pytest.approx(accuracy))]
        assert str(each.parameters["model"]) == "zoo/linear"
    assert shown[1] == shown[0]
