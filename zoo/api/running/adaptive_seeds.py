"""Adaptive seeds: runs a bench look by look, until all rows are separated or more seeds would not help."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

from zoo.text import plural

if TYPE_CHECKING:
    from harness.bench.bench import BenchSummary
    from harness.bench.timings import Timings
    from harness.planning.plan import Plan
    from harness.planning.request import BenchRequest
    from harness.records.record import Record
    from harness.records.spec import TrialSpec
    from harness.records.store import Store
    from reports.leaderboard.adaptive_seeds import Look


@dataclass(frozen=True, kw_only=True, slots=True)
class Seeded:
    """The outcome of a bench with adaptive seeds."""

    summary: BenchSummary
    """Summary of all looks together."""
    reason: str
    """Why no more seeds were added, in one sentence."""


def run_until_settled(
    plan: Plan,
    request: BenchRequest,
    *,
    run: Callable[[Plan], BenchSummary],
    store: Store,
    deadline: float | None,
    note: Callable[[str], None],
) -> Seeded:
    """Run the first seeds of each row, then more seeds of the rows that they could separate.

    Args:
        plan: Holds the trials of the maximum number of seeds.
        request: What the user asked for.
        run: Runs a plan; it starts no trial after the deadline.
        store: Holds the records.
        deadline: A moment of ``time.monotonic()``; None: no limit.
        note: Takes a sentence for each look.
    """
    from harness.records.seed_schedule import seed_counts
    from reports.leaderboard.adaptive_seeds import look_at

    counts = seed_counts(request.max_seeds)
    due = _first(plan.trials, request.first_seed + counts[0])
    done: dict[str, TrialSpec] = {}
    summaries: list[BenchSummary] = []
    for number, num_seeds in enumerate(counts, start=1):
        summaries.append(run(replace(plan, trials=tuple(due.values()))))
        done |= due
        so_far = together(summaries, only_first=True)
        if so_far.interrupted:
            return Seeded(summary=so_far, reason="interrupted")
        trials = [(store.folder(record.trial_id), record) for record in with_looks(so_far, counts)]
        look = look_at(trials, num_seeds=num_seeds, max_seeds=request.max_seeds)
        note(f"look {number} of at most {len(counts)}, with {plural(num_seeds, 'seed')}: {look.reason()}")
        if look.is_last:
            return _seeded(so_far, counts, look.reason())
        if deadline is not None and time.monotonic() >= deadline:
            return _seeded(so_far, counts, f"the budget of {request.budget} is spent; {look.reason()}")
        due = _wanted(plan, request.first_seed + look.next_seeds, look, done)
    raise AssertionError("the last look wants no seeds")


def _first(trials: tuple[TrialSpec, ...], end: int) -> dict[str, TrialSpec]:
    return {trial.model_dump_json(): trial for trial in trials if trial.seed < end}


def _wanted(plan: Plan, end: int, look: Look, done: dict[str, TrialSpec]) -> dict[str, TrialSpec]:
    return {key: trial for key, trial in _first(plan.trials, end).items() if key not in done and look.wants(trial)}


def _seeded(summary: BenchSummary, counts: tuple[int, ...], reason: str) -> Seeded:
    return Seeded(summary=replace(summary, records=tuple(with_looks(summary, counts))), reason=reason)


def with_looks(summary: BenchSummary, counts: Sequence[int]) -> list[Record]:
    """Return the records marked with looks after these numbers of seeds; a reused one, too, was selected by looking."""
    if len(counts) < 2:
        return list(summary.records)
    looks = {"looks": len(counts), "first_seeds": counts[0]}
    return [
        record.model_copy(
            update={
                "spec": record.spec.model_copy(update={"execution": record.spec.execution.model_copy(update=looks)})
            }
        )
        for record in summary.records
    ]


def together(summaries: list[BenchSummary], *, only_first: bool = False) -> BenchSummary:
    """Return several benches as one.

    Args:
        only_first: Whether only the trials of the first one were asked for, if the budget is spent.
    """
    records = tuple(record for summary in summaries for record in summary.records)
    return replace(
        summaries[-1],
        records=records,
        counts=dict(Counter(record.outcome.value for record in records)),
        notes=tuple(note for summary in summaries for note in summary.notes),
        timings=_timings([summary.timings for summary in summaries if summary.timings is not None]),
        # Seeds that would have been added later were not asked for.
        not_started=summaries[0].not_started if only_first else sum((each.not_started for each in summaries), ()),
    )


def _timings(each: list[Timings]) -> Timings | None:
    return reduce(lambda first, second: first.plus(second), each) if each else None
