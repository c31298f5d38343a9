"""The flow of a bench: its trials, folds, seeds, runtimes and further test sets, from an order to an outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from zoo.api.running.adaptive_seeds import run_until_settled
from zoo.api.running.folds import pooling_folds
from zoo.api.running.listeners import FanOut
from zoo.api.running.retesting import Retesting
from zoo.api.running.runtimes import requested_runtimes, run_requested_runtimes, with_requested_runtimes
from zoo.api.running.second_round import run_second_round
from zoo.api.running.stopping import run_while_in_reach
from zoo.api.running.tuning import SearchOutcome, search_settings

if TYPE_CHECKING:
    from harness.bench.bench import BenchSummary
    from harness.bench.follow_up import FollowUpSummary
    from harness.planning.plan import Plan
    from reports.trials.reading import Trial
    from zoo.api.ordering import BenchOrder
    from zoo.events import Event


class ProgressDisplay(Protocol):
    """Shows the progress of a bench."""

    def __call__(self, event: Event, /) -> None:
        """Handle an event."""

    def note(self, sentence: str) -> None:
        """Show a sentence that does not belong to a trial."""

    def close(self) -> None:
        """End the display."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchOutcome:
    """What a bench gave."""

    summary: BenchSummary
    trials: tuple[Trial, ...]
    """Folders and records of all trials that ran or were reused, each followed by those of the requested runtimes."""
    runtimes: FollowUpSummary | None
    """The outcome of the requested runtimes; None if there was nothing to do."""
    problems: tuple[str, ...]
    """A sentence for each result of a runtime that is damaged."""
    stopped: str
    """Why no more seeds were added, with adaptive seeds; else empty."""
    retests: FollowUpSummary | None = None
    """The outcome of the further test sets; None if there was nothing to do."""
    search: SearchOutcome | None = None
    """What the search for settings gave; None if there was none."""

    @property
    def is_interrupted(self) -> bool:
        """Whether the user stopped it."""
        later = (self.runtimes, self.retests)
        return self.summary.interrupted or any(each is not None and each.interrupted for each in later)


def run_order(order: BenchOrder, progress: ProgressDisplay) -> BenchOutcome:
    """Run an order: every trial that has no record yet, and all that was asked for around the trials.

    Raises:
        ZooError: If a dataset or the device is not available, before any trial runs.
        StoreError: If the store cannot be written. Finished trials are kept, and the same call continues.
    """
    from harness.bench.bench import run_bench
    from harness.records.store import Store

    chosen, request = order.chosen, order.chosen.request
    store = Store(order.store)
    budget = request.budget_seconds
    deadline = None if budget is None else time.monotonic() + budget
    settings = order.settings.with_deadline(deadline)
    stopped = ""
    if settings.remote is None:  # other machines have their own files, and each trial tells
        from harness.bench.weights_at_hand import with_weights_at_hand
        from zoo.api.running.feature_layers import with_known_layers

        plan = with_known_layers(chosen.plan, order.sources, progress)
        chosen = replace(chosen, plan=with_weights_at_hand(plan, store, order.sources, progress))
        order = replace(order, chosen=chosen)
        refuse_empty(order)
    for sentence in chosen.plan.skip_sentences:
        progress.note(sentence)
    for sentence in chosen.notes:
        progress.note(sentence)
    # Before anything is trained: a set that does not fit is a mistake in the call.
    retesting = Retesting.of(order, store, emit=progress, note=progress.note)
    run: Callable[[Plan], BenchSummary] = partial(
        run_bench,
        store=store,
        sources=order.sources,
        emit=FanOut(progress, order.listeners, store.root, progress.note),
        settings=settings,
    )
    plan, search = chosen.plan, None
    if request.is_tuned:
        search = search_settings(order, store, emit=progress, note=progress.note, settings=settings)
        plan = search.plan
        if search.summary.interrupted:
            summary = replace(search.summary, records=())  # nothing has been tested
            return BenchOutcome(summary=summary, trials=(), runtimes=None, problems=(), stopped="", search=search)
        from harness.search.default_winner import reusing_defaults

        run = reusing_defaults(run, store=store, note=progress.note)
    if request.folds is not None:
        run = pooling_folds(run, store=store, catalog=chosen.catalog, note=progress.note)
    if request.seeds == "auto":
        seeded = run_until_settled(plan, request, run=run, store=store, deadline=deadline, note=progress.note)
        summary, stopped = seeded.summary, seeded.reason
    elif request.stops_rows:
        summary = run_while_in_reach(plan, run=run, store=store, note=progress.note)
    else:
        summary = run(plan)
    if request.then:
        summary = run_second_round(chosen, summary, run=run, store=store, note=progress.note)
    runtimes = run_requested_runtimes(
        request,
        summary,
        catalog=chosen.catalog,
        store=store,
        sources=order.sources,
        note=progress.note,
        plan=chosen.plan,
        limits=settings.limits,
    )
    retests = retesting.run(summary, limits=settings.limits)
    names = [entry.display_name for entry in requested_runtimes(request, chosen.catalog)]
    trials, problems = with_requested_runtimes(
        names, [(store.folder(record.trial_id), record) for record in retesting.records(summary)]
    )
    return BenchOutcome(
        summary=summary,
        trials=tuple(trials),
        runtimes=runtimes,
        problems=tuple(problems) if search is None else (*search.problems, *problems),
        retests=retests,
        stopped=stopped,
        search=search,
    )


def refuse_empty(order: BenchOrder) -> None:
    """Raise a ``UsageError`` that says why, if nothing can be run."""
    from zoo.errors import UsageError

    plan = order.chosen.plan
    if plan.trials:
        return
    reasons = [sentence.removeprefix("skipped: ") for sentence in plan.skip_sentences]
    more = len(reasons) - 5
    raise UsageError(f"nothing to run: {'; '.join(reasons[:5])}{f'; and {more} more' if more > 0 else ''}")
