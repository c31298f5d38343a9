"""Searched rows: the searches that a request asks for, one or several for each row of its plan."""

from __future__ import annotations

from dataclasses import dataclass

from harness.planning.plan import Plan
from harness.planning.request import BenchRequest
from harness.records.spec import TrialSpec
from harness.search.combination import Combination
from harness.search.search import Budget, Search
from harness.search.space import NothingToSearchError, space_of
from harness.search.study import require_optuna
from zoo.catalog import Catalog
from zoo.errors import ManyErrors, ZooError
from zoo.text import plural


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchedRow:
    """A row whose settings are searched."""

    specs: tuple[TrialSpec, ...]
    """Planned trials of the row, one for each seed."""
    searches: tuple[Search, ...]
    """Searches for the row, which have not begun: one, or one for each seed."""


def searched_rows(plan: Plan, request: BenchRequest, catalog: Catalog) -> tuple[list[SearchedRow], list[str]]:
    """Return the rows of a plan with the searches that a request asks for, and the titles of rows with none.

    These have nothing to search, as a recipe without settings to choose; weights as published are not trained at all.

    Raises:
        ZooError: If something cannot be searched, no row has anything to search, or Optuna is missing; all mistakes
            together.
    """
    require_optuna()
    by_row: dict[str, list[TrialSpec]] = {}
    for spec in plan.trials:
        if not catalog.recipes.get(spec.recipe.full_name).record.trains:
            continue  # published weights as they are
        by_row.setdefault(spec.model_dump_json(exclude={"seed"}), []).append(spec)
    errors: dict[str, ZooError] = {}
    bare: dict[str, NothingToSearchError] = {}
    rows = []
    for specs in by_row.values():
        combination = Combination.of(specs[0], catalog, request.grid)
        try:
            space = space_of(combination, request.space, request.set_keys)
        except NothingToSearchError as error:
            bare.setdefault(combination.title, error)
            continue
        except ZooError as error:
            errors.setdefault(str(error), error)
            continue
        searches = tuple(
            Search(
                combination=combination,
                space=space,
                budget=_budget(request),
                sampler=request.sampler,
                pruner=request.pruner,
                repeat=repeat,
            )
            for repeat in range(request.tune_repeats)
        )
        rows.append(SearchedRow(specs=tuple(specs), searches=searches))
    ManyErrors.raise_if([*errors.values(), *([] if rows else bare.values())])
    return rows, list(bare)


def _budget(request: BenchRequest) -> Budget:
    given = [plural(request.tune, "trial") if request.tune else "", request.tune_budget or ""]
    return Budget(trials=request.tune, seconds=request.tune_seconds, text=" or ".join(filter(None, given)))
