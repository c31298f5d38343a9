"""Runs for Weights & Biases: offline, one for each trial, each point once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zoo.errors import PluginError


class Library:
    """The part of wandb that the listener uses."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []
        self.points: list[tuple[int, dict[str, float]]] = []
        self.summary: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self.codes: list[int] = []

    def Settings(self, **settings: Any) -> dict[str, Any]:  # noqa: N802 - that is its name
        return settings

    def init(self, **given: Any) -> Any:
        self.runs.append(given)

        def finish(exit_code: int) -> None:
            self.codes.append(exit_code)

        return SimpleNamespace(
            log=lambda values, step: self.points.append((step, values)),
            finish=finish,
            summary=self.summary,
            config=SimpleNamespace(update=lambda values, allow_val_change: self.config.update(values)),
        )


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    made = Library()
    monkeypatch.setitem(sys.modules, "wandb", made)  # type: ignore[arg-type]
    for name in ("WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    return made


def test_a_trial_is_one_offline_run_with_each_point_once(
    library: Library, tell: Callable[..., None], store: Path, told: Any
) -> None:
    tell("wandb", told.started(), told.epoch(1))
    tell("wandb", told.started(), told.epoch(1), told.epoch(2), told.ended())
    tell("wandb", told.started(), told.ended(reused=True))
    assert [step for step, _ in library.points] == [1, 2, 3]
    assert {run["id"] for run in library.runs} == {library.runs[0]["id"]}
    run = library.runs[0]
    assert (run["mode"], run["project"], run["resume"], run["dir"]) == ("offline", "zoo", "allow", str(store))
    assert run["name"] == "net · a b · quick · seed 0"
    assert library.summary["outcome"] == "done"
    assert library.config["recipe.lr"] == 0.1
    assert library.codes == [0, 0]


def test_a_failure_and_the_variables_of_the_library_are_kept(
    library: Library, tell: Callable[..., None], told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    tell("wandb", told.started(), told.ended("failed", reason="it broke"))
    assert (library.runs[0]["mode"], library.runs[0]["project"]) == ("online", "mine")
    assert library.summary["reason"] == "it broke"
    assert library.codes == [1]
    assert library.points == []


def test_without_the_library_the_extra_is_named(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from plugins.listeners.wandb import open_wandb

    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(PluginError, match=r"pip install 'zoobench\[wandb\]'"):
        open_wandb(store)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the library's own warnings
def test_the_library_itself_writes_offline_runs(tell: Callable[..., None], store: Path, told: Any) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    tell("wandb", told.started(), told.epoch(1), told.ended())
    tell("wandb", told.started(), told.ended(reused=True))
    (run,) = (store / "wandb").glob("offline-run-*")
    assert list(run.glob("*.wandb"))
