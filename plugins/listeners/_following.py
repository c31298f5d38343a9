"""Trackers: one run per trial, with each point written once, however often a bench is interrupted or repeated.

A trial that continues repeats the events of its earlier epochs, a reused trial has only a final event, and two benches
on one folder receive events of the same trials. So existing points are never written again, and missing ones are filled
in from the history of the trial.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from zoo.errors import PluginError
from zoo.events import BenchEnded, EpochEnded, Event, TrialEnded, TrialStarted
from zoo.files.plain_files import HISTORY, read_bytes

HISTORY_FILE = "history.jsonl"
_POINTS = {
    "train/loss": "train_loss",
    "train/accuracy": "train_accuracy",
    "train/lr": "lr",
    "train/images_per_second": "images_per_second",
    "val/loss": "val_loss",
    "val/accuracy": "val_accuracy",
}
_SPEEDS = ("train", "train_end_to_end", "inference", "inference_end_to_end")


class Run(Protocol):
    """A trial as a tracker shows it."""

    def has_epoch(self, epoch: int) -> bool:
        """Return whether the points of an epoch are there."""

    def add_epoch(self, event: EpochEnded) -> None:
        """Write the points of an epoch."""

    def has_ended(self, outcome: str) -> bool:
        """Return whether this outcome has been written."""

    def end(self, event: TrialEnded) -> None:
        """Write parameters, results and outcome."""

    def close(self) -> None:
        """Close open files."""


class Follower:
    """Receives the events of a bench, and writes a run for each trial.

    Only one process writes the run of a trial at a time; others skip the trial.
    """

    def __init__(self, store: Path, lock_of: Callable[[str], Path], open_run: Callable[[str, str, bool], Run]) -> None:
        """Remember the folder of records, and how to lock and open the run of a trial.

        ``open_run(trial_id, title, running)`` finds or creates the run; *running* says that the trial has started.
        """
        self._store, self._lock_of, self._open_run = store, lock_of, open_run
        self._trial = ""
        self._run: Run | None = None
        self._lock: FileLock | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, TrialStarted):
            self._turn_to(event.trial_id, event.title, running=True)
        elif isinstance(event, EpochEnded):
            self._add(event)
        elif isinstance(event, TrialEnded):
            self._end(event)
        elif isinstance(event, BenchEnded):
            self._leave()

    def _turn_to(self, trial_id: str, title: str, *, running: bool) -> None:
        self._leave()
        path = self._lock_of(trial_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return  # another bench writes it
        self._lock = lock
        self._run, self._trial = self._open_run(trial_id, title, running), trial_id

    def _add(self, event: EpochEnded) -> None:
        if self._run is not None and self._trial == event.trial_id and not self._run.has_epoch(event.epoch):
            self._run.add_epoch(event)

    def _end(self, event: TrialEnded) -> None:
        if self._trial != event.trial_id:
            self._turn_to(event.trial_id, event.title, running=False)
        if self._run is not None:
            for epoch in past_epochs(self._store / event.trial_id / HISTORY_FILE, event.trial_id):
                self._add(epoch)
            if not self._run.has_ended(event.outcome):
                self._run.end(event)
        self._leave()

    def _leave(self) -> None:
        run, lock = self._run, self._lock
        self._run, self._lock, self._trial = None, None, ""
        if run is not None:
            run.close()
        if lock is not None:
            lock.release()


def past_epochs(history: Path, trial_id: str) -> Iterator[EpochEnded]:
    """Yield the epochs in the history of a trial, which may be missing or truncated."""
    try:
        lines = read_bytes(history, HISTORY).splitlines()
    except OSError:
        return
    names = {field.name for field in fields(EpochEnded)} - {"trial_id"}
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and row.get("event") == "epoch" and row.keys() >= names:
            yield EpochEnded(trial_id=trial_id, **{name: row[name] for name in names})


def missing(library: str) -> PluginError:
    """Return the error for a missing library, which the extra of the same name installs."""
    return PluginError(f"the library {library!r} is not installed; run: pip install 'zoobench[{library}]'")


def points_of(event: EpochEnded) -> dict[str, float]:
    """Return the values of an epoch that are finite numbers, by name."""
    values = {name: getattr(event, field) for name, field in _POINTS.items()}
    return {name: float(value) for name, value in values.items() if _is_number(value)}


def parameters_of(record: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """Return the settings of a trial, under their names in ``--set`` if they have one."""
    spec = _mapping(record, "spec")
    found: dict[str, Any] = {}
    for kind, name in (("architecture", "model"), ("dataset", "data"), ("recipe", "recipe")):
        part = _mapping(spec, kind)
        argument = f":{part['argument']}" if part.get("argument") else ""
        found[name] = f"{part.get('full_name', '')}{argument}"
        for settings in ("options", "hyperparameters"):
            found |= {f"{name}.{key}": value for key, value in _mapping(part, settings).items()}
    found |= {f"data.{key}": _mapping(spec, "dataset").get(key) for key in ("limit_train", "limit_test")}
    found["seed"] = spec.get("seed")
    found |= _mapping(spec, "execution")
    return {
        name: value if isinstance(value, (bool, int, float, str)) else json.dumps(value, default=str)
        for name, value in found.items()
        if value is not None and value != ""
    }


def results_of(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the results of a trial as numbers: test metrics, model size, speeds and times."""
    model, speed = _mapping(record, "model"), _mapping(record, "speed")
    metrics = _mapping(record, "metrics")
    latency = _mapping(speed, "latency")
    found: dict[str, Any] = {f"test/{name}": _mapping(metrics, name).get("value") for name in metrics}
    found |= {f"model/{name}": model.get(name) for name in ("params", "macs")}
    found |= {f"speed/{name}_images_per_second": _mapping(speed, name).get("median") for name in _SPEEDS}
    found |= {f"speed/latency_{name}": latency.get(name) for name in ("p50_ms", "p95_ms")}
    found["speed/peak_memory_mib"] = speed.get("peak_memory_mib")
    found |= {f"seconds/{name}": value for name, value in _mapping(record, "seconds").items()}
    return {name: float(value) for name, value in found.items() if _is_number(value)}


def last_epoch_of(record: Mapping[str, Any]) -> int:
    """Return the number of epochs that a trial ran, which is the step of its results."""
    return int(_mapping(record, "training").get("epochs_run") or 0)


def _mapping(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, Mapping) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
