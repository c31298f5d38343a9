"""Curves: loss and accuracy of trials over epochs, read from their histories. Never imports torch."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.records.history import read_history
from harness.records.store import HISTORY_FILE, RECORD_FILE, SPEC_FILE, read_record
from zoo.errors import StoreError
from zoo.files.plain_files import RECORD, read_bytes
from zoo.text import one_line

MEASURES = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")


@dataclass(frozen=True, kw_only=True, slots=True)
class Curves:
    """The training of one trial, epoch by epoch."""

    name: str
    """Name of its folder."""
    title: str
    """Title of the trial."""
    epochs: tuple[int, ...]
    """Epochs in ascending order, from 1."""
    values: dict[str, tuple[float | None, ...]]
    """Values by measure, one for each epoch; None if missing or not finite."""

    def points(self, measure: str) -> list[tuple[float, float]]:
        """Return pairs of epoch and value for the epochs that have one."""
        pairs = zip(self.epochs, self.values[measure], strict=True)
        return [(float(epoch), value) for epoch, value in pairs if value is not None]


def read_curves(folder: Path) -> Curves:
    """Read the history of a trial, finished or running.

    Raises:
        StoreError: If *folder* is not the folder of a trial, or no epoch has finished.
    """
    if not (folder / HISTORY_FILE).is_file():
        raise StoreError(_why_none(folder))
    rows: dict[int, dict[str, Any]] = {}
    try:
        history = read_history(folder / HISTORY_FILE)
    except OSError as error:
        raise StoreError(f"{folder / HISTORY_FILE} cannot be read: {error.strerror or error}") from error
    for row in history:
        if row.get("event") == "epoch" and isinstance(row.get("epoch"), int):
            rows[row["epoch"]] = row
    if not rows:
        raise StoreError(f"{folder}: no epoch has finished yet")
    epochs = tuple(sorted(rows))
    return Curves(
        name=folder.name,
        title=_title(folder),
        epochs=epochs,
        values={measure: tuple(_number(rows[epoch].get(measure)) for epoch in epochs) for measure in MEASURES},
    )


def trial_folders(paths: Iterable[Path]) -> list[Path]:
    """Return the folders of trials in *paths*, which are such folders or stores with several."""
    found: dict[Path, None] = {}
    for path in paths:
        within = [] if (path / HISTORY_FILE).is_file() else sorted(path.glob(f"*/{HISTORY_FILE}"))
        found.update(dict.fromkeys([history.parent for history in within] or [path]))
    return list(found)


def _why_none(folder: Path) -> str:
    if not folder.is_dir():
        return f"there is no folder {folder}"
    if (folder / RECORD_FILE).is_file() and (record := read_record(folder / RECORD_FILE)).folds:
        return f"{folder} pools {len(record.folds)} folds, each of which has its own curves"
    return f"{folder} is not a trial folder: it has no {HISTORY_FILE}"


def _title(folder: Path) -> str:
    """Return the title of a trial from its record, or, while it runs, from its spec."""
    from harness.records.spec import TrialSpec

    try:
        if (folder / RECORD_FILE).is_file():
            return one_line(read_record(folder / RECORD_FILE).spec.title)
        return one_line(TrialSpec.model_validate_json(read_bytes(folder / SPEC_FILE, RECORD)).title)
    except (OSError, ValueError, StoreError):  # its curves are there all the same
        return one_line(folder.name)


def _number(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None
