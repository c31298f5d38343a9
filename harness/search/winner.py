"""The winner: the trials that the settings a search has chosen are tested with, each trained anew."""

from __future__ import annotations

from collections.abc import Iterable

from harness.records.spec import SearchSpec, TrialSpec
from harness.search.objective import OBJECTIVE
from harness.search.search import Search
from zoo.text import one_line


def failure_of(search: Search) -> str:
    """Return why a search has no winner, in one sentence; empty if it has one."""
    if search.problem:
        return search.problem
    title = search.combination.title
    if not search.is_over:
        return f"the search of {title} is not finished: run the same command again to continue"
    if search.best() is None:
        reasons = dict.fromkeys(each.result.reason for each in search.tried if each.result and each.result.reason)
        return one_line(f"no trial of the search of {title} succeeded: {'; '.join(list(reasons)[:3])}", max_length=400)
    return ""


def winners(searches: Iterable[Search], specs: Iterable[TrialSpec], first_seed: int) -> list[TrialSpec]:
    """Return the trials of a row with the settings that its searches have chosen.

    Args:
        searches: The finished searches of the row: one, or one for each seed.
        specs: The row's trials as planned.
        first_seed: Seed of the trials that the first search is for.
    """
    searches = list(searches)
    tuned = []
    for spec in specs:
        search = searches[(spec.seed - first_seed) % len(searches)]
        best = search.best()
        assert best is not None, "a search without a winner gives no trials"
        trial = search.combination.with_values(best.values, spec)
        tuned.append(trial.model_copy(update={"search": _described(search, len(searches))}))
    return tuned


def _described(search: Search, repeats: int) -> SearchSpec:
    best = search.best()
    assert best is not None
    return SearchSpec(
        study=search.key,
        trials=len(search.tried),
        seconds=search.spent_seconds,
        budget=search.budget.text,
        sampler=search.sampler,
        pruner=search.pruner,
        objective=OBJECTIVE,
        space=search.space.texts(),
        settings=best.values,
        default_settings=search.default,
        best=best.number,
        best_value=search.value(best.number),
        default_value=search.value(0),
        repeat=search.repeat,
        repeats=repeats,
        lr_test=search.lr_test,
    )
