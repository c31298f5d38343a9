"""Stopping: within a budget, rows that a test separates from the best one get no more seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from zoo.api.running.adaptive_seeds import together, with_looks
from zoo.text import plural

if TYPE_CHECKING:
    from harness.bench.bench import BenchSummary
    from harness.planning.plan import Plan
    from harness.records.record import Record
    from harness.records.spec import TrialSpec
    from harness.records.store import Store


def run_while_in_reach(
    plan: Plan,
    *,
    run: Callable[[Plan], BenchSummary],
    store: Store,
    note: Callable[[str], None],
) -> BenchSummary:
    """Run a plan seed by seed, and after each give more seeds only to rows that share the first rank.

    The tests are those of the table, on the same test images; each look at the ranks has its share of the error level.

    Args:
        run: Runs a plan.
        store: Holds the records.
        note: Takes a sentence on rows that are stopped.
    """
    seeds = sorted({trial.seed for trial in plan.trials})
    summaries: list[BenchSummary] = []
    stopped: set[str] = set()
    for number, seed in enumerate(seeds, start=1):
        due = tuple(trial for trial in plan.trials if trial.seed == seed and _row(trial) not in stopped)
        summaries.append(run(replace(plan, trials=due)))
        so_far = together(summaries)
        so_far = replace(so_far, records=tuple(with_looks(so_far, range(1, len(seeds) + 1))))
        if so_far.interrupted or number == len(seeds):
            break
        beaten = rows_out_of_reach(so_far.records, store) - stopped
        if beaten:
            note(f"{plural(len(beaten), 'row')} cannot reach the best one and {_get(beaten)} no more seeds")
        stopped |= beaten
    return so_far


def rows_out_of_reach(records: Sequence[Record], store: Store) -> set[str]:
    """Return the rows that a test separates from a better one."""
    from reports.leaderboard.building import build_leaderboard

    board = build_leaderboard([(store.folder(record.trial_id), record) for record in records])
    beaten = {trial for table in board.tables for row in table.rows if (row.rank_low or 1) > 1 for trial in row.trials}
    return {_row(record.spec) for record in records if record.trial_id in beaten}


def _row(spec: TrialSpec) -> str:
    from reports.leaderboard.adaptive_seeds import combination_of

    return combination_of(spec)


def _get(rows: set[str]) -> str:
    return "gets" if len(rows) == 1 else "get"
