"""Ledgers: what was written of each trial to a tracker that cannot be asked, as a JSON file beside its runs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from plugins.listeners._following import last_epoch_of, parameters_of, points_of, results_of
from zoo.events import EpochEnded, TrialEnded
from zoo.files.plain_files import FACTS, read_bytes


class TrackedRun(Protocol):
    """The run of a trial in a tracker's library."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Write points of curves."""

    def end(self, results: Mapping[str, Any], parameters: Mapping[str, Any], *, is_done: bool) -> None:
        """Write results and parameters."""

    def close(self) -> None:
        """Close the run; it may be opened again."""


class LedgerRun:
    """A trial whose ledger says which epochs and outcome were written.

    Args:
        path: The ledger.
        spec: The trial's ``spec.json``, which a running trial has.
        begin: Opens the run with its parameters; called only if there is something to write.
    """

    def __init__(self, path: Path, spec: Path, begin: Callable[[Mapping[str, Any]], TrackedRun]) -> None:
        self._path, self._spec, self._begin = path, spec, begin
        self._run: TrackedRun | None = None
        known = _read(path)
        self._epochs: set[int] = {each for each in known.get("epochs", ()) if isinstance(each, int)}
        self._outcome = str(known.get("outcome", ""))

    def has_epoch(self, epoch: int) -> bool:
        return epoch in self._epochs

    def add_epoch(self, event: EpochEnded) -> None:
        self._opened().log(points_of(event), event.epoch)
        self._epochs.add(event.epoch)
        self._save()

    def has_ended(self, outcome: str) -> bool:
        return outcome == self._outcome

    def end(self, event: TrialEnded) -> None:
        record = event.record
        results: dict[str, Any] = {"outcome": event.outcome, "reason": event.reason}
        is_done = event.outcome == "done"
        run = self._opened(parameters_of(record))
        if is_done:
            results |= results_of(record)
            run.log(results_of(record), last_epoch_of(record))
        run.end(results, parameters_of(record), is_done=is_done)
        self._outcome = event.outcome
        self._save()  # last, so that an outcome implies a complete run

    def close(self) -> None:
        if self._run is not None:
            self._run.close()
            self._run = None

    def _opened(self, parameters: Mapping[str, Any] | None = None) -> TrackedRun:
        if self._run is None:
            self._run = self._begin(parameters_of({"spec": _read(self._spec)}) if parameters is None else parameters)
        return self._run

    def _save(self) -> None:
        content = json.dumps({"epochs": sorted(self._epochs), "outcome": self._outcome})
        with tempfile.NamedTemporaryFile("w", dir=self._path.parent, delete=False, encoding="utf-8") as file:
            file.write(content)
        Path(file.name).replace(self._path)


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_bytes(path, FACTS))
    except (OSError, ValueError, RecursionError):  # it is not there, or was cut off
        return {}
    return value if isinstance(value, dict) else {}
