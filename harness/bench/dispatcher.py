"""The dispatcher: hands out trials while there is room, and comes back to those that another process holds."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from harness.bench.job_runner import StoppedError
from harness.bench.local_trials import TrialOver
from harness.bench.processes.starter import POLL_SECONDS
from harness.bench.seed_groups import SeedGroups
from harness.bench.settings import BenchSettings
from harness.bench.timings import phases_of
from harness.planning.scheduling import of_one_seed
from harness.planning.titles import title_of
from harness.records import store as files
from harness.records.record import Outcome, Record
from harness.records.store import Store
from harness.system.interrupts import Interrupts
from harness.trial.resolved_trial import ResolvedTrial
from zoo.events import Event, Progress, TrialEnded, TrialStarted

BUSY_WAIT_SECONDS = 1.0
"""How long a trial that another process holds is left alone."""

Emit = Callable[[Event], None]


class Trials(Protocol):
    """Runs trials somewhere, as many at a time as there is room for."""

    def has_room(self) -> bool:
        """Tell whether another trial can start now."""

    def is_idle(self) -> bool:
        """Tell whether no trial runs."""

    def start(self, trial: ResolvedTrial, before: Record | None, companions: Sequence[ResolvedTrial] = ()) -> None:
        """Start a trial; there must be room. *before* is the record that called for running it, and *companions* are
        trials of other seeds that wait, for it to train as well.
        """

    def capacity(self) -> int:
        """Tell how many trials run at a time."""

    def poll(self, seconds: float) -> Iterator[Event | TrialOver]:
        """Wait up to *seconds* for something to happen, and yield what happened since the last call."""

    def stop(self) -> None:
        """Ask every trial to save and stop."""

    def kill(self) -> None:
        """End every trial at once."""


class Dispatcher:
    """Hands out trials while there is room, and comes back to those that another process holds.

    Args:
        store: Where their records are.
        trials: Runs them.
        emit: Called with every event, in order.
        interrupts: Counts the user's requests to stop.
        settings: How trials are run.
        in_order: Returns waiting trials in the order in which to start them, by what is known of their times.
        total: Returns how many trials are expected in all.
        more: Returns the trials that follow from the record of the trial of a number.
    """

    def __init__(
        self,
        store: Store,
        trials: Trials,
        emit: Emit,
        interrupts: Interrupts,
        settings: BenchSettings,
        *,
        in_order: Callable[[Sequence[ResolvedTrial]], list[ResolvedTrial]],
        total: Callable[[], int],
        more: Callable[[int, Record], Sequence[ResolvedTrial]],
    ) -> None:
        self.store, self.trials, self.emit, self.interrupts = store, trials, emit, interrupts
        self.limits, self._grid = settings.limits, settings.grid
        self._in_order, self._total, self._more = in_order, total, more
        self._may_reorder = True
        self._places: dict[str, int] = {}
        """Position of each trial for people; one that goes on from a pause keeps its own."""
        self.records: dict[int, Record] = {}
        """Records so far, by the numbers of their trials."""
        self.notes: list[str] = []
        self.not_started: list[str] = []
        self.phases: dict[str, float] = {}
        """Seconds that trials spent by phase, over those that ran."""
        self._waiting: list[ResolvedTrial] = []
        self._looked_at: dict[int, float] = {}
        """When a trial was last found to be held elsewhere, by its number."""
        self._heeded = 0
        self._was_reused = False
        self._groups = SeedGroups(settings)

    def run(self, waiting: Sequence[ResolvedTrial]) -> dict[int, Record]:
        """Return the records by the trials' numbers."""
        self._waiting = list(waiting)
        for trial in sorted(waiting, key=lambda each: each.number):
            self._place(trial)
        try:
            while not self.trials.is_idle() or (self._waiting and not self.interrupts.count):
                self._heed_interrupts()
                if not self.interrupts.count:
                    self._fill()
                if self._was_reused and self._waiting:  # a reused trial made room for those that follow it
                    self._was_reused = False
                    continue
                for news in self.trials.poll(POLL_SECONDS):
                    if not isinstance(news, TrialOver):
                        self._groups.follow(news)
                        self.emit(news)
                        continue
                    self._groups.end(news.trial, news.record, fell_apart=news.fell_apart)
                    if news.record is None:
                        self._put_off(news.trial)
                        self._waiting.append(news.trial)
                    else:
                        for phase, spent in phases_of(news.record.seconds, process_seconds=news.seconds).items():
                            self.phases[phase] = self.phases.get(phase, 0.0) + spent
                        self._end(news.trial, news.record, reused=False)
        finally:
            if not self.trials.is_idle():  # the store cannot be written, or there is a fault in here
                self.trials.kill()
        return self.records

    def _heed_interrupts(self) -> None:
        if self.interrupts.count >= 2 > self._heeded:
            self.trials.kill()
        elif self.interrupts.count == 1 > self._heeded:
            self.emit(Progress(message="stopping; press Ctrl-C again to end at once"))
            self.trials.stop()
        self._heeded = self.interrupts.count

    def _fill(self) -> None:
        """Settle what needs no running, and start trials while there is room."""
        if self._may_reorder and self.records and of_one_seed(self._waiting):
            # By now, earlier seeds tell how long each takes.
            self._may_reorder, self._waiting = False, self._in_order(self._waiting)
        waiting, self._waiting = self._waiting, []
        for index, trial in enumerate(waiting):
            is_awaited = self._was_just_held(trial) or self._groups.is_awaited(trial)
            if self.interrupts.count or not self.trials.has_room() or is_awaited:
                self._waiting.append(trial)
                continue
            before = self._read(trial)
            if before is not None and files.is_settled(
                before,
                trial.result_key,
                retry=self.limits.retry,
                pause_after=trial.spec.execution.pause_after,
            ):
                self._end(trial, before, reused=True)
            elif self.limits.is_over():
                self.not_started.append(title_of(trial.spec, self._grid))
            elif self.store.is_held(trial.trial_id):
                self._put_off(trial)
                self._waiting.append(trial)
            else:
                companions = self._groups.start(
                    trial,
                    [*self._waiting, *waiting[index + 1 :]],
                    is_due=self._is_due,
                    num_slots=self.trials.capacity(),
                )
                self.trials.start(trial, before, companions)
                self.emit(
                    TrialStarted(
                        trial_id=trial.trial_id,
                        title=title_of(trial.spec, self._grid),
                        number=self._place(trial),
                        total=self._total(),
                    )
                )

    def _place(self, trial: ResolvedTrial) -> int:
        return self._places.setdefault(trial.trial_id, len(self._places) + 1)

    def _is_due(self, trial: ResolvedTrial) -> bool:
        """Return whether a waiting trial has to run: it has no final record, and nobody runs it."""
        if self.store.is_held(trial.trial_id):
            return False
        before = self._read(trial)
        return before is None or not files.is_settled(before, trial.result_key, retry=self.limits.retry)

    def _put_off(self, trial: ResolvedTrial) -> None:
        self._looked_at[trial.number] = time.monotonic()

    def _was_just_held(self, trial: ResolvedTrial) -> bool:
        looked_at = self._looked_at.get(trial.number)
        return looked_at is not None and time.monotonic() - looked_at < BUSY_WAIT_SECONDS

    def _read(self, trial: ResolvedTrial) -> Record | None:
        """Return a trial's record; one that is damaged is put aside, and there is none."""
        try:
            return self.store.read(trial.trial_id)
        except files.DamagedRecordError as error:
            kept = self.store.set_aside(trial.trial_id)
            if kept is not None:
                self.notes.append(f"{error}; it is kept as {kept.name}, and the trial was run again")
            return None

    def _end(self, trial: ResolvedTrial, record: Record, *, reused: bool) -> None:
        if record.outcome is Outcome.DONE and not files.keeps_states(record):
            self.store.remove_states(trial.trial_id)
        self.records[trial.number] = record
        self.emit(
            TrialEnded(
                trial_id=trial.trial_id,
                title=title_of(trial.spec, self._grid),
                number=self._place(trial),
                total=self._total(),
                outcome=record.outcome.value,
                reused=reused,
                reason=record.reason,
                record=record.model_dump(mode="json"),
            )
        )
        self._was_reused = reused
        if record.outcome is not Outcome.INTERRUPTED and not self.interrupts.count:
            with contextlib.suppress(StoppedError):  # the loop sees that the user stopped
                self._waiting += self._more(trial.number, record)
