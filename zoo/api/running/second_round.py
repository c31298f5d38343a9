"""The second round: recipes that are trained afterwards, on the models that share the first rank only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from zoo.text import plural

if TYPE_CHECKING:
    from harness.bench.bench import BenchSummary
    from harness.planning.plan import Plan
    from harness.records.record import Record
    from harness.records.spec import TrialSpec
    from harness.records.store import Store
    from zoo.api.choosing import Chosen


def run_second_round(
    chosen: Chosen,
    first: BenchSummary,
    *,
    run: Callable[[Plan], BenchSummary],
    store: Store,
    note: Callable[[str], None],
) -> BenchSummary:
    """Train the models that share the first rank with the recipes that come afterwards, and return both rounds as one.

    Args:
        chosen: What was asked for; its request names the recipes.
        first: The first round.
        run: Runs a plan.
        store: Holds the records.
        note: Takes a sentence on what is trained.
    """
    from zoo.api.running.adaptive_seeds import together

    if first.interrupted:
        return first
    plan = second_plan(chosen, first.records, store)
    models = {trial.architecture.display_name for trial in plan.trials}
    if not plan.trials:
        note(f"nothing is trained with {', '.join(chosen.request.then)}: no row has a rank")
        return first
    shares = "has" if len(models) == 1 else "share"
    note(f"{plural(len(models), 'model')} {shares} the first rank: now trained with {', '.join(chosen.request.then)}")
    return together([first, run(plan)])


def second_plan(chosen: Chosen, records: Sequence[Record], store: Store) -> Plan:
    """Return the trials of the recipes that come afterwards, for each model that shares the first rank on its data."""
    from harness.planning.plan import make_plan
    from harness.planning.selection import select

    best = first_ranked(records, store)
    plan = make_plan(select(chosen.request.second, chosen.catalog))
    return replace(plan, trials=tuple(trial for trial in plan.trials if _identity(trial) in best))


def first_ranked(records: Sequence[Record], store: Store) -> set[tuple[str, ...]]:
    """Return the models, each with its data, of rows that no test separates from the best."""
    from reports.leaderboard.building import build_leaderboard

    board = build_leaderboard([(store.folder(record.trial_id), record) for record in records])
    best = {trial for table in board.tables for row in table.rows if row.rank_low == 1 for trial in row.trials}
    return {_identity(record.spec) for record in records if record.trial_id in best}


def _identity(spec: TrialSpec) -> tuple[str, ...]:
    return spec.architecture.full_name, repr(spec.architecture.options), spec.dataset.display_name
