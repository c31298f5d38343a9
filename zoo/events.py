"""Events: what a running bench reports to its listeners, as plain data in chronological order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchStarted:
    """A bench begins."""

    store: Path
    """Folder of records."""
    trials: tuple[tuple[str, str], ...]
    """ID and title of every trial of the plan, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Progress of something other than training: starting, downloading or decoding."""

    message: str
    """One sentence."""
    share: float | None = None
    """Share done in [0, 1]; None: unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialStarted:
    """A trial begins."""

    trial_id: str
    title: str
    number: int
    """Position in the plan, from 1."""
    total: int
    """Number of trials in the plan."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseStarted:
    """A trial enters a phase."""

    trial_id: str
    phase: str
    """Name of the phase: ``build``, ``train``, ``test`` or ``measure``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochEnded:
    """A trial has finished an epoch."""

    trial_id: str
    epoch: int
    """Number of the epoch, from 1."""
    epochs: int
    """Number of epochs of the recipe; early stopping may end training before."""
    train_loss: float
    train_accuracy: float | None
    """Accuracy in [0, 1] on augmented images; None with mixup or CutMix."""
    val_loss: float
    val_accuracy: float
    """Accuracy in [0, 1] on the validation split."""
    lr: float
    """Learning rate of the last step."""
    images_per_second: float
    """Training images per second, including loading, without validation."""
    seconds: float
    """Duration of the epoch, including validation, without time in which the trial gave way to others."""
    joules: float | None = None
    """Energy of the device over the epoch; None if it is not known, or the trial gave way to others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialEnded:
    """A trial has a record."""

    trial_id: str
    title: str
    number: int
    total: int
    outcome: str
    """``done``, ``failed``, ``interrupted`` or ``skipped``."""
    reused: bool
    """Whether an existing record was reused."""
    reason: str
    """One sentence if the outcome is not ``done``."""
    record: Mapping[str, Any]
    """The record, as in ``record.json``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchEnded:
    """A bench is over."""

    counts: Mapping[str, int]
    """Number of trials by outcome."""
    interrupted: bool


Event = BenchStarted | Progress | TrialStarted | PhaseStarted | EpochEnded | TrialEnded | BenchEnded
