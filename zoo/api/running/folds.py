"""Cross-validation folds: a bench whose folds are pooled into one record per seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.bench.bench import BenchSummary
    from harness.planning.plan import Plan
    from harness.records.store import Store
    from zoo.catalog import Catalog


def pooling_folds(
    run: Callable[[Plan], BenchSummary], *, store: Store, catalog: Catalog, note: Callable[[str], None]
) -> Callable[[Plan], BenchSummary]:
    """Return a function that runs a plan as *run* does, and adds a record for each seed whose folds are all done.

    Args:
        run: Runs a plan.
        store: Holds the records.
        catalog: Holds the metrics, which are computed over all folds together.
        note: Takes a sentence for each seed whose folds cannot be pooled.
    """

    def run_folds(plan: Plan) -> BenchSummary:
        from harness.records.derived.pooled_folds import pool_folds

        summary = run(plan)
        together, problems = pool_folds(store, summary.records, list(catalog.metrics))
        for problem in problems:
            note(problem)
        return replace(summary, records=(*summary.records, *together))

    return run_folds
