"""A trial's progress: what it has done so far, in this attempt and in earlier ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.records.history import HistoryWriter, encode_row, read_history
from harness.records.record import FeatureInfo, MetricValue, ModelInfo, SpeedInfo, TrainingInfo, Tuning
from harness.system.atomic_files import write_bytes


@dataclass(kw_only=True)
class TrialProgress:
    """The results so far, which are recorded however the trial ends."""

    history: HistoryWriter
    environment: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)
    phase: str = "start"
    model: ModelInfo | None = None
    tuning: Tuning | None = None
    training: TrainingInfo | None = None
    features: FeatureInfo | None = None
    metrics: dict[str, MetricValue] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    speed: SpeedInfo | None = None
    others_seconds: float = 0.0
    """Time that this process spent on other seeds, which are charged for it."""
    paused_seconds: Callable[[], float] = lambda: 0.0
    """Returns for how long others have had the device so far; that time belongs to no phase, but is one of its own."""

    @contextmanager
    def during(self, phase: str) -> Iterator[None]:
        """Record that *phase* begins, and add the time that it takes; a phase may have several parts."""
        self.phase = phase
        self.history.write({"event": "phase", "phase": phase})
        start, paused_before = time.perf_counter(), self.paused_seconds()
        try:
            yield
        finally:
            paused = self.paused_seconds() - paused_before
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - start - paused
            if paused > 0:
                self.seconds["paused"] = self.seconds.get("paused", 0.0) + paused


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierAttempts:
    """The part of earlier attempts at a trial that still counts."""

    attempts: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def continue_history(path: Path, epochs_kept: int) -> EarlierAttempts:
    """Keep the rows of epochs that the saved state covers; they are not run again, so their time counts."""
    rows = read_history(path)
    attempts = sum(row.get("event") == "attempt" for row in rows)
    kept = [row for row in rows if row.get("event") == "attempt"]
    epochs = [row for row in rows if row.get("event") == "epoch" and row.get("epoch", 0) <= epochs_kept]
    write_bytes(path, b"".join(encode_row(row) for row in [*kept, *epochs]))
    return EarlierAttempts(
        attempts=attempts, seconds={"train": sum(row["seconds"] for row in epochs)} if epochs else {}
    )
