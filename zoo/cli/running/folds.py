"""Folds: a bench whose folds are put together when it is over, or looks at its ranks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.bench.bench import BenchSummary
    from harness.planning.plan import Plan
    from harness.records.store import Store
    from zoo.catalog import Catalog


def putting_together(
    run: Callable[[Plan], BenchSummary], *, store: Store, catalog: Catalog, tell: Callable[[str], None]
) -> Callable[[Plan], BenchSummary]:
    """Return what runs a plan as *run* does, and adds a record for each seed of which all folds are done.

    Args:
        run: Runs a plan.
        store: Where the records are.
        catalog: Its metrics are computed over all folds together.
        tell: Takes a sentence for each seed whose folds could not be put together.
    """

    def run_folds(plan: Plan) -> BenchSummary:
        from harness.records.pooled_folds import put_together

        summary = run(plan)
        together, problems = put_together(store, summary.records, list(catalog.metrics))
        for problem in problems:
            tell(problem)
        return replace(summary, records=(*summary.records, *together))

    return run_folds
