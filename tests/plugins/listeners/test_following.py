"""What holds for both trackers: one run per trial, each point once, and outcomes. They need their extras."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from zoo.errors import PluginError

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries' own warnings


def test_a_trial_is_one_run_with_curves_parameters_results_and_outcome(
    tracker: str, tell: Callable[..., None], store: Path, told: Any
) -> None:
    tell(tracker, told.started(), told.epoch(1), told.epoch(2), told.epoch(3), told.ended())
    shown = told.READERS[tracker](store)
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
    tracker: str, tell: Callable[..., None], store: Path, told: Any
) -> None:
    tell(tracker, told.started(), told.epoch(1), told.epoch(2), over=False)  # killed
    tell(tracker, told.started(), told.epoch(1), told.epoch(2), told.ended("interrupted", reason="stopped by the user"))
    halfway = told.READERS[tracker](store)
    assert halfway.outcome == {"tensorboard": "interrupted: stopped by the user", "mlflow": "KILLED"}[tracker]
    assert "test/accuracy" not in halfway.curves
    tell(tracker, told.started(), told.epoch(1), told.epoch(2), told.epoch(3), told.ended())
    shown = told.READERS[tracker](store)
    assert shown.curves["val/accuracy"] == [(1, 0.25), (2, 0.5), (3, 0.75)]
    assert shown.curves["test/accuracy"] == [(3, 0.75)]
    assert shown.outcome == {"tensorboard": "done", "mlflow": "FINISHED"}[tracker]


def test_a_reused_trial_leaves_its_run_as_it_is(
    tracker: str, tell: Callable[..., None], store: Path, told: Any
) -> None:
    tell(tracker, told.started(), told.epoch(1), told.epoch(2), told.epoch(3), told.ended())
    before = told.READERS[tracker](store)
    tell(tracker, told.ended(reused=True))
    assert told.READERS[tracker](store) == before


def test_a_reused_trial_that_nobody_listened_to_gets_its_run_from_its_history(
    tracker: str, tell: Callable[..., None], store: Path, write_history: Callable[..., None], told: Any
) -> None:
    write_history(1, 2, 3)
    tell(tracker, told.ended(reused=True))
    shown = told.READERS[tracker](store)
    assert shown.curves["val/accuracy"] == [(1, 0.25), (2, 0.5), (3, 0.75)]
    assert shown.curves["test/accuracy"] == [(3, 0.75)]
    assert shown.outcome == {"tensorboard": "done", "mlflow": "FINISHED"}[tracker]


def test_a_failed_trial_is_reported_and_has_no_results(
    tracker: str, tell: Callable[..., None], store: Path, told: Any
) -> None:
    tell(
        tracker,
        told.started(),
        told.epoch(1, train_loss=math.inf),
        told.ended("failed", reason="the loss is not finite"),
    )
    shown = told.READERS[tracker](store)
    assert "test/accuracy" not in shown.curves
    assert "train/loss" not in shown.curves  # no infinite loss is drawn
    assert shown.curves["val/loss"] == [(1, 2.0)]
    assert shown.outcome == {"tensorboard": "failed: the loss is not finite", "mlflow": "FAILED"}[tracker]


def test_a_trial_reported_by_another_bench_is_left_to_it(
    tracker: str, tell: Callable[..., None], store: Path, told: Any
) -> None:
    place = {"tensorboard": f"tensorboard/{told.TRIAL}/zoo.lock", "mlflow": f"mlflow/locks/{told.TRIAL}.lock"}[tracker]
    (store / place).parent.mkdir(parents=True)
    with FileLock(store / place):
        tell(tracker, told.started(), told.epoch(1))
    tell(tracker, told.started(), told.epoch(1), told.epoch(2))
    assert told.READERS[tracker](store).curves["val/accuracy"] == [(1, 0.25), (2, 0.5)]


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_listener_with_a_missing_library_names_the_extra(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Any
) -> None:
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PluginError, match=rf"pip install 'zoobench\[{name}\]'"):
        told.built_in(name).open(tmp_path)


def test_the_modules_are_light_and_tensorboard_needs_neither_torch_nor_tensorflow(tmp_path: Path, told: Any) -> None:
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
                    record={told.RECORD!r}))
    assert not {{"torch", "tensorflow", "mlflow"}} & set(sys.modules), "heavy"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_real_bench_is_shown_by_both_and_repeating_it_adds_nothing(
    tensorboard: str, mlflow: str, tmp_path: Path, told: Any
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
        shown.append([read(tmp_path / "runs", record.parent.name) for read in told.READERS.values()])
    accuracy = json.loads(record.read_text())["metrics"]["accuracy"]["value"]
    for each in shown[0]:
        assert [step for step, _ in each.curves["train/loss"]] == [1, 2]
        assert each.curves["test/accuracy"] == [(2, pytest.approx(accuracy))]
        assert str(each.parameters["model"]) == "zoo/linear"
    assert shown[1] == shown[0]


def test_only_finite_numbers_are_points(told: Any) -> None:
    from plugins.listeners._following import points_of

    points = points_of(told.epoch(2, train_loss=math.nan, lr=math.inf))
    assert points == {"val/loss": 1.0, "val/accuracy": 0.5, "train/images_per_second": 500.0}


def test_a_history_that_is_missing_or_damaged_gives_the_epochs_that_can_be_read(
    told: Any, store: Path, write_history: Callable[..., None]
) -> None:
    from plugins.listeners._following import past_epochs

    path = store / told.TRIAL / "history.jsonl"
    assert list(past_epochs(path, told.TRIAL)) == []
    write_history(1, 2)  # and half a line
    assert list(past_epochs(path, told.TRIAL)) == [told.epoch(1), told.epoch(2)]
