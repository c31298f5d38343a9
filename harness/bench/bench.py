"""The bench: all trials of a plan, each in a process of its own, as many at a time as there is room for.

Running the same plan again on the same store continues it: finished trials are reused.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.bench.cheapest import cheapest_first
from harness.bench.dispatcher import Dispatcher, Emit
from harness.bench.job_runner import JobRunner, StoppedError, TimedJobRunner
from harness.bench.local_jobs import LocalJobRunner
from harness.bench.local_trials import LocalTrials
from harness.bench.processes.fork_server import end_head_start
from harness.bench.processes.starter import Starter
from harness.bench.remote.cluster import Cluster
from harness.bench.remote.contained_workers import connected
from harness.bench.remote.jobs import RemoteJobRunner
from harness.bench.remote.trials import RemoteTrials
from harness.bench.resolution import Resolver
from harness.bench.seed_groups import not_here
from harness.bench.settings import BenchSettings
from harness.bench.timings import TRIALS, Timings
from harness.data.cache_layout import using
from harness.planning.forecast import forecast_of_store
from harness.planning.plan import Plan
from harness.planning.scheduling import order
from harness.planning.titles import title_of
from harness.records.record import Record
from harness.records.spec import TrialSpec
from harness.records.store import Store
from harness.system.interrupts import Interrupts
from harness.system.staging import scratch_folder
from harness.trial.resolved_trial import ResolvedTrial
from zoo.errors import ZooError
from zoo.events import BenchEnded, BenchStarted, Progress
from zoo.loading import Sources


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
            end_head_start()
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
            # A search has a budget of its own, and its trials share their images.
            resolved = resolver.first(plan, trials.arrange, deadline=limits.deadline if follow is None else None)
            if follow is not None and (others := follow.begin(trials.capacity())):
                resolved += resolver.more(others)
        except StoppedError:
            return _finish(emit, {}, interrupted=True)
        notes: tuple[str, ...] = ()
        if limits.deadline is not None and not limits.is_over() and remote is None:  # else nothing starts
            with contextlib.suppress(StoppedError, ZooError):  # else as they are
                cheapest = cheapest_first(resolved, timed, dataclasses.asdict(sources), deadline=limits.deadline)
                resolved, notes = cheapest.trials, cheapest.notes
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

        dispatcher = Dispatcher(store, trials, emit, interrupts, settings, in_order=in_order, total=total, more=more)
        dispatcher.notes += notes
        dispatcher.not_started += [title_of(spec, settings.grid) for spec in resolver.unprepared]
        if remote is not None:
            dispatcher.notes += not_here(resolved)
        # On other machines, whoever runs a trial sees to that.
        with using([] if remote else [each for trial in resolved for each in trial.prepared.folders]):
            records = dispatcher.run(in_order(resolved))
        now = time.monotonic()
        timings = Timings(
            began=began,
            seconds=now - began,
            stages={**timed.seconds, TRIALS: now - began_trials},
            phases=dispatcher.phases,
            slots=num_slots,
        )
        summary = _finish(
            emit, records, interrupted=interrupts.count > 0, notes=dispatcher.notes, not_started=dispatcher.not_started
        )
        return dataclasses.replace(summary, timings=timings)


def _with_folders(trials: list[ResolvedTrial], store: Store) -> list[ResolvedTrial]:
    """Return trials that know the folder in which an earlier bench has kept them, under whichever display name."""
    names = store.ids_of((trial.spec, trial.result_key) for trial in trials)
    return [
        trial if trial.trial_id == name else trial.model_copy(update={"stored_as": name})
        for trial, name in zip(trials, names, strict=True)
    ]


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
