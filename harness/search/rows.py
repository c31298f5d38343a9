"""Searched rows: the searches that a request asks for, one or several for each row of its plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.planning.plan import Plan
from harness.planning.request import BenchRequest
from harness.records.spec import TrialSpec
from harness.search.combination import Combination
from harness.search.search import Budget, Search
from harness.search.space import NothingToSearchError, space_of
from harness.search.study import require_optuna
from zoo.catalog import Catalog
from zoo.errors import ManyErrors, UsageError, ZooError
from zoo.space import OFF, value_text
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
    rows: list[SearchedRow] = []
    combinations: list[Combination] = []
    for specs in by_row.values():
        combination = Combination.of(specs[0], catalog, request.grid)
        combinations.append(combination)
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
    unused = _unused(request.space, combinations, rows)
    ManyErrors.raise_if([*errors.values(), *([] if rows else bare.values()), *([] if errors else unused)])
    return rows, list(bare)


def _unused(
    given: Mapping[str, str], combinations: Sequence[Combination], rows: Sequence[SearchedRow]
) -> list[ZooError]:
    """Return an error for each range of the user that changes no search."""
    found: list[ZooError] = []
    spaces = [(row.searches[0].combination, row.searches[0].space) for row in rows]
    for key, text in given.items():
        if text.strip() == OFF:
            missing = [each.missing(key) for each in combinations]
            if missing and all(missing):
                found += filter(None, missing[:1])
        unmet = [(each, space.never_met(key, each)) for each, space in spaces if key in space.dimensions]
        if unmet and all(condition for _, condition in unmet):
            combination, condition = unmet[0]
            name = condition.partition("=")[0]
            found.append(
                UsageError(
                    f"{key} is searched only if {condition}, but {name} is {value_text(combination.value(name))} in "
                    f"{combination.title}: change the condition, or search {name}, too"
                )
            )
    return found


def _budget(request: BenchRequest) -> Budget:
    given = [plural(request.tune, "trial") if request.tune else "", request.tune_budget or ""]
    return Budget(trials=request.tune, seconds=request.tune_seconds, text=" or ".join(filter(None, given)))
