"""The bench: all trials of a plan, each in a process of its own, as many at a time as there is room for.

Running the same plan again on the same store continues it: finished trials are reused.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.bench.cheapest import cheapest_first
from harness.bench.job_runner import JobRunner, StoppedError, TimedJobRunner
from harness.bench.local_jobs import LocalJobRunner
from harness.bench.local_trials import LocalTrials, TrialOver
from harness.bench.processes import POLL_SECONDS, Starter
from harness.bench.remote.cluster import Cluster
from harness.bench.remote.contained_workers import connected
from harness.bench.remote.jobs import RemoteJobRunner
from harness.bench.remote.trials import RemoteTrials
from harness.bench.resolution import Resolver
from harness.bench.seed_groups import SeedGroups, not_here
from harness.bench.settings import BenchSettings
from harness.bench.timings import TRIALS, Timings, phases_of
from harness.data.cache_layout import using
from harness.planning.forecast import forecast_of_store
from harness.planning.plan import Plan
from harness.planning.scheduling import of_one_seed, order
from harness.planning.titles import title_of
from harness.records import store as files
from harness.records.record import Outcome, Record
from harness.records.spec import TrialSpec
from harness.records.store import Store
from harness.system.interrupts import Interrupts
from harness.system.staging import scratch_folder
from harness.trial.resolved_trial import ResolvedTrial
from zoo.errors import ZooError
from zoo.events import BenchEnded, BenchStarted, Event, Progress, TrialEnded, TrialStarted
from zoo.loading import Sources

BUSY_WAIT_SECONDS = 1.0

Emit = Callable[[Event], None]


class Follow(Protocol):
    """Decides which trials to run next, by the records of those that have ended."""

    @property
    def total(self) -> int:
        """Number of trials that are expected in all, for the display."""

    def begin(self, slots: int) -> Sequence[TrialSpec]:
        """Return trials to begin with beside those of the plan, given how many run at a time."""

    def __call__(self, number: int, record: Record) -> Sequence[TrialSpec]:
        """Return the trials that follow from the record of the trial of that *number*, from 1, possibly none.

        The trials of the plan are numbered in its order, and the trials returned here go on from there.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchSummary:
    """The outcome of a bench."""

    records: tuple[Record, ...]
    """One for each trial that ran or was reused, in the plan's order."""
    counts: dict[str, int]
    """Number of trials by outcome."""
    interrupted: bool
    notes: tuple[str, ...] = ()
    """Notes for the user, a sentence each."""
    not_started: tuple[str, ...] = ()
    """Titles of trials that were due after the deadline."""
    timings: Timings | None = None
    """Where the time went; None: not known."""


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


def run_bench(
    plan: Plan,
    *,
    store: Store,
    sources: Sources,
    emit: Emit,
    settings: BenchSettings,
    follow: Follow | None = None,
) -> BenchSummary:
    """Run every trial of *plan* that has no record yet.

    Args:
        store: Store that the records are written to.
        sources: Plugins that the trials' processes load.
        emit: Called with every event, in order.
        settings: How trials are run.
        follow: Adds trials while the bench runs; None: only those of the plan run.

    Raises:
        ZooError: If a dataset or the device is not available; all such errors together, before any trial runs.
        StoreError: If the store cannot be written. Finished trials are kept, and the same call continues.
    """
    began = time.monotonic()
    store.create()
    interrupts = Interrupts()
    limits, remote = settings.limits, settings.remote
    with interrupts.caught(), contextlib.ExitStack() as stack:
        jobs: JobRunner
        trials: LocalTrials | RemoteTrials
        if remote is None:
            starter = Starter(plan.preload)
            starter.warm_up()
            scratch = stack.enter_context(scratch_folder())
            places = dataclasses.asdict(sources)
            jobs = LocalJobRunner(starter, scratch, emit, interrupts, places)
            trials = LocalTrials(store, starter, settings.slots, scratch=scratch, sources=places, limits=limits)
        else:
            emit(Progress(message=f"connecting ({remote.executor.name})"))
            workers = stack.enter_context(connected(remote.executor, remote.options))
            cluster = Cluster(
                workers,
                store.root,
                sources,
                preload=plan.preload,
                data_root=remote.data_root,
                download=settings.data.download,
                cache_limit=settings.data.cache_limit,
            )
            jobs = RemoteJobRunner(cluster, emit, interrupts)
            trials = RemoteTrials(store, cluster, settings.slots, limits=limits)
        timed = TimedJobRunner(jobs)
        resolver = Resolver(timed, settings.data)
        try:
            resolved = resolver.first(plan, trials.arrange)
            if follow is not None and (others := follow.begin(trials.capacity())):
                resolved += resolver.more(others)
        except StoppedError:
            return _finish(emit, {}, interrupted=True)
        if limits.deadline is not None and remote is None:
            resolved = _cheapest_first(resolved, timed, dataclasses.asdict(sources))
        resolved = _with_folders(resolved, store)
        titles = tuple((each.trial_id, title_of(each.spec, settings.grid)) for each in resolved)
        emit(BenchStarted(store=store.root, trials=titles))

        def more(number: int, record: Record) -> list[ResolvedTrial]:
            specs = follow(number, record) if follow is not None else ()
            return _with_folders(resolver.more(specs), store) if specs else []

        def total() -> int:
            return len(resolved) if follow is None else follow.total

        num_slots, began_trials = trials.capacity(), time.monotonic()

        def in_order(waiting: Sequence[ResolvedTrial]) -> list[ResolvedTrial]:
            is_as_given = limits.deadline is not None or num_slots == 1
            return list(waiting) if is_as_given else order(waiting, forecast_of_store(store.root).seconds)

        runner = _Runner(store, trials, emit, interrupts, settings, in_order=in_order, total=total, more=more)
        if remote is not None:
            runner.notes += not_here(resolved)
        # On other machines, whoever runs a trial sees to that.
        with using([] if remote else [each for trial in resolved for each in trial.prepared.folders]):
            records = runner.run(in_order(resolved))
        now = time.monotonic()
        timings = Timings(
            began=began,
            seconds=now - began,
            stages={**timed.seconds, TRIALS: now - began_trials},
            phases=runner.phases,
            slots=num_slots,
        )
        summary = _finish(
            emit, records, interrupted=interrupts.count > 0, notes=runner.notes, not_started=runner.not_started
        )
        return dataclasses.replace(summary, timings=timings)


def _with_folders(trials: list[ResolvedTrial], store: Store) -> list[ResolvedTrial]:
    """Return trials that know the folder in which an earlier bench has kept them, under whichever display name."""
    names = store.ids_of((trial.spec, trial.result_key) for trial in trials)
    return [
        trial if trial.trial_id == name else trial.model_copy(update={"stored_as": name})
        for trial, name in zip(trials, names, strict=True)
    ]


def _cheapest_first(trials: list[ResolvedTrial], jobs: JobRunner, sources: dict[str, Any]) -> list[ResolvedTrial]:
    """Return trials with the cheapest of each seed first, or as they are if their networks cannot be sized up."""
    with contextlib.suppress(StoppedError, ZooError):
        return cheapest_first(trials, jobs, sources)
    return trials


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
    """Hands out trials while there is room, and comes back to those that another process holds."""

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
