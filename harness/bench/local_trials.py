"""Local trials: run in processes of this machine, one per slot."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.bench.crashes import crash_record, without_request
from harness.bench.machine import Machine
from harness.bench.processes.jobs import EXIT_BUSY
from harness.bench.processes.starter import Starter, visible_devices, wait_for_any
from harness.bench.settings import RunLimits
from harness.bench.slots import Slot, SlotRequest, make_slots, threads_for, trials_that_fill
from harness.bench.trial_process import TrialProcess
from harness.records import store as files
from harness.records.history import HistoryTail
from harness.records.provenance import LOADED_NS
from harness.records.record import Failure, FailureKind, Record
from harness.records.spec import ExecutionSpec
from harness.records.store import Store
from harness.records.trial_lock import trial_lock
from harness.system import oom_killer
from harness.system.atomic_files import writing
from harness.system.cores import usable_threads
from harness.system.free_memory import free_bytes
from harness.trial.distributed.devices import check_together
from harness.trial.resolved_trial import ResolvedTrial
from zoo.errors import StoreError
from zoo.events import Event

STOP_AGAIN_SECONDS = 15.0
"""Time after which a trial that was asked to stop is asked again: a plugin's code may have caught the first request.
Long enough for a trial on several devices to end its ranks meanwhile."""
STOP_SECONDS = 60.0
"""Time after which such a trial is ended; the state of its last epoch is kept."""
MAX_BUSY = 3
"""How often a trial may say that another process runs it while none does; a plugin may exit with that status."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialOver:
    """A trial does not run any more."""

    trial: ResolvedTrial
    record: Record | None
    """None where another process holds the trial."""
    seconds: float = 0.0
    """How long its process took; 0: not known."""
    fell_apart: bool = False
    """Whether its process ended while it had companions, so that it ran again alone."""


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
        self._running: list[TrialProcess] = []
        self._lost: deque[_Lost] = deque()
        """Trials that ended with the fork server while others did; each runs again, alone."""
        self._false_busy: Counter[str] = Counter()
        self._stopping_since: float | None = None
        self._asked_at = 0.0
        self._num_started = 0
        self._cores_folder: Path | None = None

    def arrange(self, machine: Machine, execution: ExecutionSpec, num_trials: int) -> int | None:
        """Lay out the slots, and return how many CPU threads each trial gets; None: by its own work.

        Raises:
            UsageError: If the machine does not have what is wanted.
        """
        num_devices, threads = execution.gpus_per_trial, machine.environment["threads"]
        check_together(machine.device, num_devices, num_gpus=machine.num_gpus, compile=execution.compile)
        takes_turns = machine.device == "cpu" and num_devices == 1
        fill = 1
        if takes_turns:
            # A number of threads that the user asked for is all that the machine's environment knows of.
            runnable = threads if execution.threads is None else usable_threads()
            fill = trials_that_fill(
                trials=num_trials, threads=runnable, wanted_threads=execution.threads, free_bytes=free_bytes()
            )
        slots = make_slots(
            self._slots, device=machine.device, num_gpus=machine.num_gpus, gpus_per_trial=num_devices, fill=fill
        )
        self.lay_out(slots)
        if takes_turns:
            if len(slots) > 1:
                self._cores_folder = self._scratch / "cores"
                self._cores_folder.mkdir(exist_ok=True)
            return execution.threads
        return threads_for(len(slots), wanted=execution.threads, available=threads)

    def lay_out(self, slots: Sequence[Slot]) -> None:
        """Run trials in these slots from now on."""
        self._free = deque(slots)

    def capacity(self) -> int:
        """Return how many trials run at a time."""
        return len(self._free) + len(self._running)

    def has_room(self) -> bool:
        """Return whether another trial can start now."""
        return bool(self._free) and not self._lost

    def is_idle(self) -> bool:
        """Return whether no trial runs or is about to run again."""
        return not self._running and not self._lost

    def start(self, trial: ResolvedTrial, before: Record | None, companions: Sequence[ResolvedTrial] = ()) -> None:
        """Start a trial; there must be room.

        Nothing is written to its folder here but under its lock: another bench's trial may be at work there.

        Args:
            before: The record that called for running it.
            companions: Trials that it may train as well; they run later.

        Raises:
            StoreError: If its folder cannot be made.
        """
        self._start(trial, before, companions)

    def _start(
        self,
        trial: ResolvedTrial,
        before: Record | None,
        companions: Sequence[ResolvedTrial] = (),
        *,
        is_repeated: bool = False,
        fell_apart: bool = False,
    ) -> None:
        folder = self._folder_for(trial)
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
                    "planned_ns": LOADED_NS,
                    "retry": self._limits.retry,
                    "keeps_features": self._limits.keeps_features,
                    "devices": slot.devices if len(slot.devices) > 1 else (),
                    "sharing": slot.sharing,
                    "cores_folder": "" if self._cores_folder is None else str(self._cores_folder),
                    "node": self._node,
                    "companions": [
                        {"trial": each.model_dump(mode="json"), "folder": str(self._folder_for(each))}
                        for each in companions
                    ],
                },
            },
            scratch,
        )
        self._running.append(
            TrialProcess(
                trial=trial,
                before=before,
                job=job,
                slot=slot,
                folder=folder,
                tail=HistoryTail(folder / files.HISTORY_FILE),
                kills_before=oom_killer.count_kills(),
                is_repeated=is_repeated,
                fell_apart=fell_apart,
                num_companions=len(companions),
            )
        )

    def _folder_for(self, trial: ResolvedTrial) -> Path:
        """Make a trial's folder if there is none; absolute, since a plugin may change the working folder."""
        folder = self._store.folder(trial.trial_id).absolute()
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def poll(self, seconds: float) -> Iterator[Event | TrialOver]:
        """Wait up to *seconds* for a trial to end, and yield what happened since the last call.

        Raises:
            StoreError: If the record of a crash cannot be written.
        """
        if self._lost and not self._running and self._stopping_since is None:
            lost = self._lost.popleft()
            self._start(lost.trial, lost.before, is_repeated=True, fell_apart=lost.fell_apart)
        wait_for_any([each.job for each in self._running], seconds)
        over = [each for each in self._running if each.job.wait(0)]
        if any(each.job.lost for each in over):  # the others end a moment later
            over = [each for each in self._running if each.job.wait(1.0)]
        num_lost = sum(bool(each.job.lost) for each in over)
        for each in list(self._running):
            yield from each.events()
            if each not in over:
                each.hold_to_limits(self._limits.timeout)
                continue
            self._running.remove(each)
            self._free.append(each.slot)
            record = self._settle(each, was_alone=num_lost == 1)
            if isinstance(record, _Lost):
                self._lost.append(record)
            else:
                yield TrialOver(trial=each.trial, record=record, seconds=each.job.seconds, fell_apart=each.fell_apart)
        if self._stopping_since is not None:
            self._insist(time.monotonic() - self._stopping_since)
            while self._lost:
                lost = self._lost.popleft()
                record = crash_record(lost.trial, status=0, seconds=0.0, stopped=True)
                folder = self._store.folder(lost.trial.trial_id)
                with writing(folder):
                    yield TrialOver(
                        trial=lost.trial, record=self._settle_crash(lost.trial, lost.before, folder, record)
                    )

    def stop(self) -> None:
        """Ask every trial to save and stop; one that goes on is asked again, and ended after a while."""
        self._stopping_since = self._asked_at = time.monotonic()
        for each in self._running:
            each.job.interrupt()

    def kill(self) -> None:
        """End every trial at once, with all that it started."""
        self._stopping_since = time.monotonic()
        for each in self._running:
            each.job.kill()

    def _insist(self, seconds: float) -> None:
        """Ask trials again that were asked to stop so long ago, or end them."""
        if seconds > STOP_SECONDS:
            self.kill()
        elif time.monotonic() - self._asked_at > STOP_AGAIN_SECONDS:
            self._asked_at = time.monotonic()
            for each in self._running:
                each.job.interrupt()

    def _settle(self, run: TrialProcess, *, was_alone: bool) -> Record | _Lost | None:
        """Return the record of a trial whose process has ended.

        Args:
            was_alone: Whether no other process was lost with it.

        Returns:
            None if another process holds the trial; a lost trial if it has to run again.
        """
        trial = run.trial
        if run.job.status == EXIT_BUSY and self._is_busy(trial.trial_id):
            return None
        record = self._read(run)
        is_stopping = self._stopping_since is not None
        if record is not None and record != run.before:
            return record if is_stopping else self._settle_request(run.folder, record)
        if run.job.lost and not was_alone and not run.is_repeated and not is_stopping:
            return _Lost(trial=trial, before=run.before)
        if run.num_companions and run.killed_for is None and not is_stopping:
            return _Lost(trial=trial, before=run.before, fell_apart=True)
        crash = crash_record(
            trial,
            status=run.job.status,
            seconds=run.job.seconds,
            killed_for=run.killed_for or run.reason_of_status(),
            out_of_memory=oom_killer.killed(run.job.status, run.kills_before),
            stopped=is_stopping,
        )
        with writing(run.folder):
            return self._settle_crash(trial, run.before, run.folder, crash)

    def _read(self, run: TrialProcess) -> Record | None:
        """Return the record of a trial whose process has ended; None if there is none, or a plugin has damaged it."""
        try:
            return self._store.read(run.trial.trial_id)
        except StoreError as error:
            run.killed_for = run.killed_for or Failure(kind=FailureKind.PLUGIN, message=f"it left no record: {error}")
            (run.folder / files.RECORD_FILE).unlink(missing_ok=True)
            return None

    def _is_busy(self, trial_id: str) -> bool:
        """Return whether a process is right that another one holds its trial."""
        if not self._store.is_held(trial_id):  # the other one has just ended, or there was none
            self._false_busy[trial_id] += 1
        return self._false_busy[trial_id] < MAX_BUSY

    @staticmethod
    def _settle_request(folder: Path, record: Record) -> Record:
        """Correct the record of a trial that nobody has asked to stop."""
        if (settled := without_request(record)) != record:
            with writing(folder), trial_lock(folder) as is_ours:
                if is_ours:
                    files.write_record(folder, settled)
        return settled

    def _settle_crash(self, trial: ResolvedTrial, before: Record | None, folder: Path, crash: Record) -> Record | None:
        """Write the record of a crash, unless another process has taken the trial over since."""
        with trial_lock(folder) as is_ours:
            if not is_ours:
                return None
            record = self._store.read(trial.trial_id)
            if record is not None and record != before:
                return record
            files.write_record(folder, crash)
            return crash


@dataclass(frozen=True, kw_only=True, slots=True)
class _Lost:
    """A trial that ended with the fork server or with its companions, perhaps through no fault of its own."""

    trial: ResolvedTrial
    before: Record | None
    fell_apart: bool = False
    """Whether it had companions."""
