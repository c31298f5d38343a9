"""Local trials: run in processes of this machine, one per slot."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from harness.bench.crashes import crash_record, events_of
from harness.bench.jobs import EXIT_BUSY, EXIT_UNWRITABLE
from harness.bench.machine import Machine
from harness.bench.processes import Job, Starter, visible_devices, wait_for_any
from harness.bench.settings import RunLimits
from harness.bench.slots import Slot, SlotRequest, make_slots, threads_for
from harness.records import store as files
from harness.records.history import HistoryTail
from harness.records.record import Failure, FailureKind, Record
from harness.records.spec import ExecutionSpec
from harness.records.store import Store
from harness.system import oom_killer
from harness.system.atomic_files import writing
from harness.trial.devices import check_together
from harness.trial.resolved_trial import ResolvedTrial
from zoo.events import Event

MAX_LOG_BYTES = 64 * 2**20
"""A trial that prints more than this is ended: it would fill the disk before it finished."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialOver:
    """A trial does not run any more."""

    trial: ResolvedTrial
    record: Record | None
    """None where another process holds the trial."""


class LocalTrials:
    """Starts trials in free slots, and reports how they end.

    Args:
        slots: How many run at a time; see :meth:`arrange`.
        scratch: A folder for what is handed to processes.
        sources: Where the processes find the plugins.
        limits: Whether failed trials run again, and how long one may take.
        node: Name of this machine in a bench of several; recorded.
    """

    def __init__(
        self,
        store: Store,
        starter: Starter,
        slots: SlotRequest,
        *,
        scratch: Path,
        sources: dict[str, Any],
        limits: RunLimits,
        node: str = "",
    ) -> None:
        self._store, self._starter, self._scratch = store, starter, scratch
        self._sources, self._limits = sources, limits
        self._slots, self._node = slots, node
        self._free: deque[Slot] = deque()
        self._running: list[_Running] = []
        self._stopping = False
        self._num_started = 0

    def arrange(self, machine: Machine, execution: ExecutionSpec) -> int:
        """Lay out the slots, and return how many CPU threads each trial gets.

        Raises:
            UsageError: If the machine does not have what is wanted.
        """
        num_devices = execution.gpus_per_trial
        check_together(machine.device, num_devices, num_gpus=machine.num_gpus, compile=execution.compile)
        slots = make_slots(self._slots, device=machine.device, num_gpus=machine.num_gpus, gpus_per_trial=num_devices)
        self.lay_out(slots)
        return threads_for(len(slots), wanted=execution.threads, available=machine.environment["threads"])

    def lay_out(self, slots: Sequence[Slot]) -> None:
        """Run trials in these slots from now on."""
        self._free = deque(slots)

    def capacity(self) -> int:
        """Return how many trials run at a time."""
        return len(self._free) + len(self._running)

    def has_room(self) -> bool:
        """Tell whether another trial can start now."""
        return bool(self._free)

    def is_idle(self) -> bool:
        """Tell whether no trial runs."""
        return not self._running

    def start(self, trial: ResolvedTrial, before: Record | None) -> None:
        """Start a trial; there must be room.

        Nothing is written to its folder here but under its lock: another bench's trial may be at work there.

        Args:
            before: The record that called for running it.

        Raises:
            StoreError: If its folder cannot be made.
        """
        folder = self._store.folder(trial.trial_id)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        slot = self._free.popleft()
        self._num_started += 1
        scratch = self._scratch / f"trial-{self._num_started}"
        scratch.mkdir()
        execution = trial.spec.execution.model_copy(update={"device": slot.devices[0]})
        spec = trial.spec.model_copy(update={"execution": execution})
        job = self._starter.start(
            {
                "kind": "trial",
                "variables": visible_devices(),
                "sources": self._sources,
                "log": str(folder / files.LOG_FILE),
                "trial": {
                    "trial": trial.model_copy(update={"spec": spec}).model_dump(mode="json"),
                    "folder": str(folder),
                    "retry": self._limits.retry,
                    "devices": slot.devices if len(slot.devices) > 1 else (),
                    "sharing": slot.sharing,
                    "node": self._node,
                },
            },
            scratch,
        )
        self._running.append(
            _Running(
                trial=trial,
                before=before,
                job=job,
                slot=slot,
                folder=folder,
                tail=HistoryTail(folder / files.HISTORY_FILE),
                kills_before=oom_killer.count_kills(),
            )
        )

    def poll(self, seconds: float) -> Iterator[Event | TrialOver]:
        """Wait up to *seconds* for a trial to end, and yield what happened since the last call.

        Raises:
            StoreError: If the record of a crash cannot be written.
        """
        wait_for_any([each.job for each in self._running], seconds)
        for each in list(self._running):
            over = each.job.wait(0)
            yield from each.events()
            if over:
                self._running.remove(each)
                self._free.append(each.slot)
                yield TrialOver(trial=each.trial, record=self._settle(each))
            else:
                each.hold_to_limits(self._limits.timeout)

    def stop(self) -> None:
        """Ask every trial to save and stop."""
        self._stopping = True
        for each in self._running:
            each.job.interrupt()

    def kill(self) -> None:
        """End every trial at once, with all that it started."""
        self._stopping = True
        for each in self._running:
            each.job.kill()

    def _settle(self, run: _Running) -> Record | None:
        """Return the record of a trial whose process has ended; None means that another process holds it."""
        if run.job.status == EXIT_BUSY:
            return None
        record = self._store.read(run.trial.trial_id)
        if record is not None and record != run.before:
            return record
        killed_for = run.killed_for
        if killed_for is None and run.job.status == EXIT_UNWRITABLE:
            message = "its files cannot be written: the disk is full or its folder is read-only"
            killed_for = Failure(kind=FailureKind.DISK, message=message)
        run.job.end_group()
        crash = crash_record(
            run.trial,
            status=run.job.status,
            seconds=run.job.seconds,
            killed_for=killed_for,
            out_of_memory=oom_killer.was_it(run.job.status, run.kills_before),
            stopped=self._stopping,
        )
        with writing(run.folder):
            return self._settle_crash(run, crash)

    def _settle_crash(self, run: _Running, crash: Record) -> Record | None:
        """Write the record of a crash, unless another process has taken the trial over since."""
        lock = FileLock(run.folder / files.LOCK_FILE)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        try:
            record = self._store.read(run.trial.trial_id)
            if record is not None and record != run.before:
                return record
            files.write_record(run.folder, crash)
            return crash
        finally:
            lock.release()


@dataclass(kw_only=True, eq=False)
class _Running:
    """A trial in its process."""

    trial: ResolvedTrial
    before: Record | None
    job: Job
    slot: Slot
    folder: Path
    tail: HistoryTail
    kills_before: int | None
    killed_for: Failure | None = None
    waiting_since: float | None = None
    waited: float = 0.0

    def events(self) -> Iterator[Event]:
        """Yield what it wrote into its history since the last call."""
        for row in self.tail.new_rows():
            if row.get("event") == "waits":
                self.waiting_since = self.job.seconds
            elif row.get("event") == "waited" and self.waiting_since is not None:
                self.waited += self.job.seconds - self.waiting_since
                self.waiting_since = None
            yield from events_of(self.trial.trial_id, row)

    def seconds(self) -> float:
        """Return how long it has run, without the time for which it gave way to others on its device."""
        end = self.job.seconds if self.waiting_since is None else self.waiting_since
        return end - self.waited

    def hold_to_limits(self, timeout: float | None) -> None:
        """End it if it takes too long or prints too much."""
        log = self.folder / files.LOG_FILE
        if timeout is not None and self.seconds() > timeout:
            self.job.kill()
            self.killed_for = Failure(kind=FailureKind.TIMEOUT, message=f"it took longer than {timeout:g} s")
        elif log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            self.job.kill()
            os.truncate(log, MAX_LOG_BYTES)
            message = f"it printed more than {MAX_LOG_BYTES // 2**20} MiB"
            self.killed_for = Failure(kind=FailureKind.PLUGIN, message=message)
