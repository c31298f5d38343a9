"""Runs for trackio: one for each trial, each point once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zoo.errors import PluginError


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The part of trackio that the listener uses."""
    made = SimpleNamespace(runs=[], points=[], finished=0)

    def finish() -> None:
        made.finished += 1

    def init(**given: Any) -> Any:
        print("* a sentence of the library")
        made.runs.append(given)
        return SimpleNamespace(log=lambda values, step: made.points.append((step, values)))

    made.init, made.finish = init, finish
    monkeypatch.setitem(sys.modules, "trackio", made)
    monkeypatch.delenv("TRACKIO_PROJECT", raising=False)
    return made


def test_a_trial_is_one_run_with_each_point_once(
    library: SimpleNamespace, tell: Callable[..., None], told: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    tell("trackio", told.started(), told.epoch(1))
    tell("trackio", told.started(), told.epoch(1), told.epoch(2), told.ended())
    tell("trackio", told.started(), told.ended(reused=True))
    assert [step for step, _ in library.points] == [1, 2, 3]
    assert library.points[2][1]["test/accuracy"] == 0.75
    assert [(run["project"], run["name"], run["resume"]) for run in library.runs] == [("zoo", told.TRIAL, "allow")] * 2
    assert library.finished == 2
    assert capsys.readouterr().out == ""


def test_without_the_library_the_extra_is_named(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from plugins.listeners.trackio import open_trackio

    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(PluginError, match=r"pip install 'zoobench\[trackio\]'"):
        open_trackio(store)


@pytest.mark.slow
def test_the_library_itself_keeps_the_points(tmp_path: Path) -> None:
    pytest.importorskip("trackio", reason="the extra trackio is not installed")
    code = """
        from pathlib import Path
        from plugins.listeners.trackio import open_trackio
        from zoo.events import EpochEnded, TrialEnded, TrialStarted
        hear = open_trackio(Path("runs"))
        hear(TrialStarted(trial_id="t", title="a title", number=1, total=1))
        hear(EpochEnded(trial_id="t", epoch=1, epochs=1, train_loss=0.5, train_accuracy=None, val_loss=1.0,
                        val_accuracy=0.25, lr=0.1, images_per_second=9.0, seconds=1.0))
        hear(TrialEnded(trial_id="t", title="a title", number=1, total=1, outcome="done", reused=False, reason="",
                        record={"metrics": {"accuracy": {"value": 0.75}}, "training": {"epochs_run": 1}}))
        from trackio.sqlite_storage import SQLiteStorage
        print([sorted(row.items()) for row in SQLiteStorage.get_logs("zoo", "t")])
    """
    import textwrap

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "TRACKIO_DIR": str(tmp_path / "kept")},
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert "0.25" in done.stdout.splitlines()[-1]
    assert "test/accuracy" in done.stdout.splitlines()[-1]
