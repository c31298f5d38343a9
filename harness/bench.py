"""The bench: all trials of a plan, each in a process of its own, one after another. Never imports torch here.

Running the same plan again on the same store continues it: finished trials are reused.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from harness import oom_killer
from harness import store as files
from harness.data_places import using
from harness.files import writing
from harness.history import HistoryTail
from harness.identity import measurement_key
from harness.interrupts import Interrupts
from harness.jobs import EXIT_BUSY, EXIT_UNWRITABLE
from harness.plan import Plan
from harness.processes import Job, Starter, describe_status
from harness.record import Failure, FailureKind, Outcome, Record
from harness.resolution import POLL_SECONDS, ResolvedTrial, Scout, Stopped, resolve
from harness.store import Store
from zoo.events import BenchEnded, BenchStarted, EpochEnded, Event, PhaseStarted, Progress, TrialEnded, TrialStarted
from zoo.loading import Sources

BUSY_WAIT_SECONDS = 1.0
MAX_LOG_BYTES = 64 * 2**20
"""A trial that prints more than this is ended: it would fill the disk before it finished."""

Emit = Callable[[Event], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchSummary:
    """What a bench came to."""

    records: tuple[Record, ...]
    """One for each trial that ran or was reused, in the plan's order."""
    counts: dict[str, int]
    """Number of trials by outcome."""
    interrupted: bool
    notes: tuple[str, ...] = ()
    """What a user should know beside the records: a sentence each."""
    not_started: tuple[str, ...] = ()
    """Titles of trials that were due after the deadline."""


def run_bench(
    plan: Plan,
    *,
    store: Store,
    sources: Sources,
    data_root: Path,
    cache: Path,
    emit: Emit,
    download: bool = True,
    retry: bool = False,
    timeout: float | None = None,
    deadline: float | None = None,
    cache_limit: int | None = None,
) -> BenchSummary:
    """Run every trial of *plan* that has no record yet.

    Args:
        store: Where records go.
        sources: Where the trials' processes find the plugins.
        data_root: Where data sets lie, or are downloaded to.
        cache: Where decoded data sets are kept.
        emit: Hears of everything that happens, in order.
        download: Whether the network may be used.
        retry: Whether to run trials again that failed before.
        timeout: Seconds that one trial may take; None: no limit.
        deadline: No trial starts after this moment of ``time.monotonic()``; None: no limit.
        cache_limit: Most bytes that a data set's decoded images may take in the cache; None: what is free. Beyond it
            they are decoded anew in each epoch.

    Raises:
        ZooError: Before any trial runs, if a data set or the device cannot be had; all such errors together.
        StoreError: If the store cannot be written. What was finished stays, and the same call continues.
    """
    store.create()
    interrupts = Interrupts()
    starter = Starter(plan.preload)
    with interrupts.caught(), tempfile.TemporaryDirectory(prefix="zoo-") as scratch:
        try:
            scout = Scout(starter, Path(scratch), emit, interrupts, dataclasses.asdict(sources))
            trials = resolve(plan, scout, data_root=data_root, cache=cache, download=download, cache_limit=cache_limit)
        except Stopped:
            return _finish(emit, {}, interrupted=True)
        emit(BenchStarted(store=store.root, trials=tuple((each.trial_id, each.spec.title) for each in trials)))
        runner = _Runner(
            store, starter, Path(scratch), emit, interrupts, dataclasses.asdict(sources), len(trials), retry, timeout
        )
        with using(Path(trial.prepared.folder) for trial in trials):
            records = runner.run(trials, deadline=deadline)
        return _finish(
            emit, records, interrupted=interrupts.count > 0, notes=runner.notes, not_started=runner.not_started
        )


def _finish(
    emit: Emit,
    records: dict[int, Record],
    *,
    interrupted: bool,
    notes: Sequence[str] = (),
    not_started: Sequence[str] = (),
) -> BenchSummary:
    ordered = tuple(records[number] for number in sorted(records))
    counts = dict(Counter(record.outcome.value for record in ordered))
    emit(BenchEnded(counts=counts, interrupted=interrupted))
    return BenchSummary(
        records=ordered, counts=counts, interrupted=interrupted, notes=tuple(notes), not_started=tuple(not_started)
    )


class _Runner:
    """Runs trials one after another, and comes back to those that another process holds."""

    def __init__(
        self,
        store: Store,
        starter: Starter,
        scratch: Path,
        emit: Emit,
        interrupts: Interrupts,
        sources: dict[str, Any],
        total: int,
        retry: bool,
        timeout: float | None,
    ) -> None:
        self.store, self.starter, self.emit, self.interrupts = store, starter, emit, interrupts
        self.scratch = scratch
        self.sources, self.total, self.retry, self.timeout = sources, total, retry, timeout
        self.notes: list[str] = []
        self.not_started: list[str] = []

    def run(self, trials: list[ResolvedTrial], *, deadline: float | None) -> dict[int, Record]:
        """Return the records by the trials' numbers."""
        records: dict[int, Record] = {}
        waiting = deque(trials)
        busy_in_a_row = 0
        while waiting and not self.interrupts.count:
            trial = waiting.popleft()
            before = self._read(trial)
            record, reused = before, True
            if record is None or not files.is_settled(record, trial.result_key, retry=self.retry):
                if deadline is not None and time.monotonic() >= deadline:
                    self.not_started.append(trial.spec.title)
                    continue
                record, reused = self._run_one(trial, before), False
            if record is None:
                waiting.append(trial)
                busy_in_a_row += 1
                if busy_in_a_row >= len(waiting):  # all that is left is being run elsewhere
                    threading.Event().wait(BUSY_WAIT_SECONDS)
                continue
            busy_in_a_row = 0
            if record.outcome is Outcome.DONE:
                self.store.remove_states(trial.trial_id)
            records[trial.number] = record
            self._emit_end(trial, record, reused=reused)
        return records

    def _read(self, trial: ResolvedTrial) -> Record | None:
        """Return a trial's record; one that is damaged is put aside, and there is none."""
        try:
            return self.store.read(trial.trial_id)
        except files.DamagedRecordError as error:
            kept = self.store.set_aside(trial.trial_id)
            if kept is not None:
                self.notes.append(f"{error}; it is kept as {kept.name}, and the trial ran again")
            return None

    def _run_one(self, trial: ResolvedTrial, before: Record | None) -> Record | None:
        """Run one trial to its record; None means that another process holds it.

        Nothing is written to its folder here but under its lock: another bench's trial may be at work there.

        Args:
            before: The record that called for running it.
        """
        folder = self.store.folder(trial.trial_id)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        kills_before = oom_killer.count_kills()
        job = self.starter.start(
            {
                "kind": "trial",
                "sources": self.sources,
                "log": str(folder / files.LOG_FILE),
                "trial": {
                    "spec": trial.spec.model_dump(mode="json"),
                    "trial_id": trial.trial_id,
                    "result_key": trial.result_key,
                    "folder": str(folder),
                    "prepared": trial.prepared.model_dump(mode="json"),
                    "retry": self.retry,
                },
            },
            self.scratch,
        )
        self.emit(TrialStarted(trial_id=trial.trial_id, title=trial.spec.title, number=trial.number, total=self.total))
        killed_for = self._watch(job, trial, folder)
        if job.status == EXIT_BUSY:
            return None
        record = self.store.read(trial.trial_id)
        if record is not None and record != before:
            return record
        if killed_for is None and job.status == EXIT_UNWRITABLE:
            message = "its files cannot be written: the disk is full, or its folder is read-only"
            killed_for = Failure(kind=FailureKind.DISK, message=message)
        job.end_group()
        with writing(folder):
            return self._settle_crash(trial, before, self._record_of_crash(trial, job, killed_for, kills_before))

    def _settle_crash(self, trial: ResolvedTrial, before: Record | None, crash: Record) -> Record | None:
        """Write the record of a crash, unless another process has taken the trial over since."""
        folder = self.store.folder(trial.trial_id)
        lock = FileLock(folder / files.LOCK_FILE)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        try:
            record = self.store.read(trial.trial_id)
            if record is not None and record != before:
                return record
            files.write_record(folder, crash)
            return crash
        finally:
            lock.release()

    def _watch(self, job: Job, trial: ResolvedTrial, folder: Path) -> Failure | None:
        """Pass on what the trial does until it ends; return why it was killed, if it was."""
        tail = HistoryTail(folder / files.HISTORY_FILE)
        log = folder / files.LOG_FILE
        asked = False
        while not job.wait(POLL_SECONDS):
            self._emit_rows(tail, trial)
            if self.interrupts.count >= 2:
                job.kill()
            elif self.interrupts.count == 1 and not asked:
                self.emit(Progress(message="stopping; once more ends it at once"))
                job.interrupt()
                asked = True
            elif self.timeout is not None and job.seconds > self.timeout:
                job.kill()
                return Failure(kind=FailureKind.TIMEOUT, message=f"it took longer than {self.timeout:g} s")
            elif log.exists() and log.stat().st_size > MAX_LOG_BYTES:
                job.kill()
                os.truncate(log, MAX_LOG_BYTES)
                message = f"it printed more than {MAX_LOG_BYTES // 2**20} MiB"
                return Failure(kind=FailureKind.PLUGIN, message=message)
        self._emit_rows(tail, trial)
        return None

    def _emit_rows(self, tail: HistoryTail, trial: ResolvedTrial) -> None:
        for row in tail.new_rows():
            event = row.pop("event", "")
            if event == "phase":
                self.emit(PhaseStarted(trial_id=trial.trial_id, phase=str(row["phase"])))
            elif event == "epoch":
                self.emit(EpochEnded(trial_id=trial.trial_id, **row))

    def _record_of_crash(
        self, trial: ResolvedTrial, job: Job, killed_for: Failure | None, kills_before: int | None
    ) -> Record:
        if self.interrupts.count:
            outcome, failure, reason = Outcome.INTERRUPTED, None, "stopped by the user"
        else:
            out_of_memory = oom_killer.was_it(job.status, kills_before)
            outcome = Outcome.FAILED
            ending = f"its process ended with {describe_status(job.status, out_of_memory=out_of_memory)}"
            if killed_for is not None:
                failure = killed_for
            elif job.status < 0:
                failure = Failure(kind=FailureKind.OOM if out_of_memory else FailureKind.KILLED, message=ending)
            else:
                failure = Failure(kind=FailureKind.PLUGIN, message=f"{ending} and wrote no record")
            reason = failure.message
        environment = {"device_name": "", "driver": "", "threads": trial.spec.execution.threads, "torch": ""}
        return Record(
            trial_id=trial.trial_id,
            result_key=trial.result_key,
            measurement_key=measurement_key(trial.spec, environment),
            outcome=outcome,
            failure=failure,
            reason=reason,
            spec=trial.spec,
            seconds={"total": job.seconds},
        )

    def _emit_end(self, trial: ResolvedTrial, record: Record, *, reused: bool) -> None:
        self.emit(
            TrialEnded(
                trial_id=trial.trial_id,
                title=trial.spec.title,
                number=trial.number,
                total=self.total,
                outcome=record.outcome.value,
                reused=reused,
                reason=record.reason,
                record=record.model_dump(mode="json"),
            )
        )
