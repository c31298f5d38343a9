"""Events: what a bench tells its listeners while it runs. Plain data, in the order in which it happens."""

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
    """Id and title of every trial of the plan, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Something other than training goes on: starting, fetching or decoding data."""

    message: str
    share: float | None = None
    """Share done in [0, 1], where known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialStarted:
    """A trial begins."""

    trial_id: str
    title: str
    number: int
    """Its place in the plan, from 1."""
    total: int
    """Trials in the plan."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseStarted:
    """A trial enters a phase."""

    trial_id: str
    phase: str
    """``build``, ``train``, ``test`` or ``measure``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochEnded:
    """A trial finished an epoch."""

    trial_id: str
    epoch: int
    """From 1."""
    epochs: int
    """As the recipe says; early stopping may end before."""
    train_loss: float
    train_accuracy: float | None
    """Share in [0, 1], on augmented images; None where targets are mixed."""
    val_loss: float
    val_accuracy: float
    """Share in [0, 1]."""
    lr: float
    """Learning rate of the last step."""
    images_per_second: float
    """Training images over the epoch's training time, data path included, validation not."""
    seconds: float
    """The epoch, validation included."""


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
    """Whether the record was there before."""
    reason: str
    """One sentence, where the outcome is not ``done``."""
    record: Mapping[str, Any]
    """The record, as in ``record.json``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchEnded:
    """A bench is over."""

    counts: Mapping[str, int]
    """Number of trials by outcome."""
    interrupted: bool


Event = BenchStarted | Progress | TrialStarted | PhaseStarted | EpochEnded | TrialEnded | BenchEnded
