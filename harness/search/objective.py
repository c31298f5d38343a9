"""The objective: what a search reads of a trial, which is about its validation images only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.records.history import read_history
from harness.records.record import FailureKind, Outcome, Record
from harness.records.store import CHECKPOINT_FILE, HISTORY_FILE

OBJECTIVE = "val_accuracy"

_BAD_SETTINGS = (FailureKind.DIVERGED, FailureKind.OOM, FailureKind.TIMEOUT)
"""Failures that settings may be at fault for, which a sampler should keep away from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What one trial gave."""

    outcome: str
    reason: str = ""
    value: float | None = None
    """Validation accuracy of the weights that would be tested: 0 for settings that diverge, run out of memory or take
    too long; None if the failure says nothing of the settings."""
    val_loss: float | None = None
    """Validation loss."""
    seconds: float = 0.0
    """Time on the device, without waiting for it."""
    weights: str = ""
    """SHA-256 of the file of weights; empty if there is none."""

    @property
    def is_done(self) -> bool:
        """Whether the trial finished."""
        return self.outcome == Outcome.DONE


def seconds_on_device(record: Record) -> float:
    """Return the time that a trial took on its device, without waiting for it."""
    seconds = record.seconds
    return max(0.0, seconds.get("total", 0.0) - seconds.get("wait", 0.0) - seconds.get("paused", 0.0))


def result_of(record: Record, folder: Path, *, pause_after: int | None = None) -> Result:
    """Return the result of a trial from its record and the history in its folder.

    Args:
        pause_after: Return the result at this epoch, of a trial that paused there and may have gone on since.
    """
    spent = seconds_on_device(record)
    if record.outcome is not Outcome.DONE or record.training is None:
        is_bad = record.failure is not None and record.failure.kind in _BAD_SETTINGS
        return Result(outcome=record.outcome.value, reason=record.reason, value=0.0 if is_bad else None, seconds=spent)
    epochs = {row["epoch"]: row for row in read_history(folder / HISTORY_FILE) if row.get("event") == "epoch"}
    tested = record.training.tested_epoch
    if pause_after is not None:
        seen = [row for epoch, row in sorted(epochs.items()) if epoch <= pause_after]
        tested = _kept_epoch(seen, record.spec.recipe.hyperparameters) or tested
    row = epochs.get(tested, {"val_accuracy": record.training.best_val_accuracy})
    val_loss = row.get("val_loss")
    return Result(
        outcome=record.outcome.value,
        value=float(row["val_accuracy"]),
        val_loss=None if val_loss is None else float(val_loss),
        seconds=spent,
        weights=record.files.get(CHECKPOINT_FILE, ""),
    )


def _kept_epoch(rows: Sequence[Mapping[str, Any]], hyperparameters: Mapping[str, Any]) -> int:
    """Return the epoch whose weights training has kept after these *rows* of its history; 0 if there are none.

    The rule is that of :class:`harness.training.best_epoch.BestEpoch`: the first of equals is the best.
    """
    if hyperparameters.get("keep") != "best":
        return int(rows[-1]["epoch"]) if rows else 0
    by_loss = hyperparameters.get("monitor") == "val_loss"
    ranked = [(row["val_loss"] if by_loss else -row["val_accuracy"], row["epoch"]) for row in rows]
    return min((each for each in ranked if math.isfinite(each[0])), default=(0.0, 0))[1]
