"""Processes of trials: what one tells in its history, and the limits that it is held to."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.bench.crashes import events_of
from harness.bench.processes.jobs import CLOSED, EXIT_UNWRITABLE, UNWRITABLE
from harness.bench.processes.starter import Job
from harness.bench.slots import Slot
from harness.records import store as files
from harness.records.history import HistoryTail
from harness.records.record import Failure, FailureKind, Record
from harness.system import oom_killer
from harness.system.process_exit import last_line
from harness.trial.resolved_trial import ResolvedTrial
from zoo.events import Event

MAX_LOG_BYTES = 64 * 2**20
"""A trial that prints more than this is ended: it would fill the disk before it finished."""


@dataclass(kw_only=True, eq=False)
class TrialProcess:
    """A trial in its process."""

    trial: ResolvedTrial
    before: Record | None
    job: Job
    slot: Slot
    folder: Path
    tail: HistoryTail
    kills_before: int | None
    is_repeated: bool = False
    """Whether it runs again because it was lost, alone this time."""
    fell_apart: bool = False
    """Whether it was lost with companions."""
    num_companions: int = 0
    """How many trials it may train besides its own."""
    killed_for: Failure | None = None
    told: set[int] = field(default_factory=set)
    """Epochs that have been reported, until training goes on."""
    waiting_since: float | None = None
    waited: float = 0.0

    def events(self) -> Iterator[Event]:
        """Yield what it wrote into its history since the last call; what a plugin has put in its place is left out."""
        rows: list[dict[str, Any]] = []
        with suppress(OSError):
            rows += self.tail.new_rows()
        for row in rows:
            with suppress(KeyError, TypeError, ValueError):
                yield from self._events_of(row)

    def _events_of(self, row: dict[str, Any]) -> Iterator[Event]:
        if row.get("event") == "phase" and row.get("phase") == "train":
            self.told.clear()
        elif row.get("event") == "epoch":
            if row["epoch"] in self.told:  # a trial that resumes writes the rows that it keeps into a new file
                return
            self.told.add(row["epoch"])
        if row.get("event") == "waits":
            self.waiting_since = self.job.seconds
        elif row.get("event") == "waited" and self.waiting_since is not None:
            self.waited += self.job.seconds - self.waiting_since
            self.waiting_since = None
        yield from events_of(self.trial.trial_id, row)

    def reason_of_status(self) -> Failure | None:
        """Return why its process ended, if that is known better than from its exit status."""
        if self.job.lost:
            kind = FailureKind.OOM if oom_killer.killed(-signal.SIGKILL, self.kills_before) else FailureKind.KILLED
            return Failure(kind=kind, message=f"the process that had started it ended {self.job.lost}")
        if self.job.status == EXIT_UNWRITABLE:
            said = last_line(self.folder / files.LOG_FILE)
            if said.startswith(CLOSED):
                return Failure(kind=FailureKind.PLUGIN, message=said)
            message = said if said.startswith(UNWRITABLE) else UNWRITABLE  # a full disk takes no log either
            return Failure(kind=FailureKind.DISK, message=message)
        return None

    def seconds(self) -> float:
        """Return how long it has run, without the time for which it gave way to others on its device."""
        end = self.job.seconds if self.waiting_since is None else self.waiting_since
        return end - self.waited

    def hold_to_limits(self, timeout: float | None) -> None:
        """End it if it takes too long or prints too much."""
        if timeout is not None:
            timeout *= 1 + self.num_companions
        log = self.folder / files.LOG_FILE
        if timeout is not None and self.seconds() > timeout:
            self.job.kill()
            self.killed_for = Failure(kind=FailureKind.TIMEOUT, message=f"it took longer than {timeout:g} s")
        elif log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            self.job.kill()
            os.truncate(log, MAX_LOG_BYTES)
            message = f"it printed more than {MAX_LOG_BYTES // 2**20} MiB"
            self.killed_for = Failure(kind=FailureKind.PLUGIN, message=message)
