"""Tuning: searches the settings of each row on training and validation images, and plans the rows to be tested."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.bench.bench import BenchSummary
    from harness.bench.settings import BenchSettings
    from harness.planning.plan import Plan
    from harness.records.spec import TrialSpec
    from harness.records.store import Store
    from harness.search.search import Search
    from zoo.api.ordering import BenchOrder
    from zoo.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchOutcome:
    """What the searches of a bench gave."""

    plan: Plan
    """The trials to test: those with the recipes' own settings, and those with the settings that were chosen."""
    summary: BenchSummary
    """Summary of the trials of the searches."""
    problems: tuple[str, ...] = ()
    """A sentence for each row that has no tuned trials."""


def search_settings(
    order: BenchOrder,
    store: Store,
    *,
    emit: Callable[[Event], None],
    note: Callable[[str], None],
    settings: BenchSettings,
) -> SearchOutcome:
    """Search the settings of each row, and return the plan of what is to be tested.

    Args:
        order: What the user asked for.
        store: Store of the bench; the trials of searches are kept in a folder of it, which no table reads.
        emit: Takes every event of these trials.
        note: Takes a sentence for each result of a row.
        settings: How trials are run.

    Raises:
        ZooError: If something cannot be searched, or a dataset or the device is not available.
    """
    from harness.bench.bench import run_bench
    from harness.records.store import Store
    from harness.records.study_file import FOLDER
    from harness.search.lr_tests import LrTests, lr_sentence
    from harness.search.rows import searched_rows
    from harness.search.searches import Searches
    from harness.search.winner import failure_of, winners
    from zoo.events import Progress

    chosen, request = order.chosen, order.chosen.request
    rows, bare = searched_rows(chosen.plan, request, chosen.catalog)
    for title in bare:
        note(f"{title} has no settings to search: its row has the default ones only")
    tried = Store(store.root / FOLDER)
    searches = [search for each in rows for search in each.searches]
    is_remote = settings.remote is not None
    _run_at_a_time(searches, tried, 1 if is_remote else _num_slots(order))
    tried.create()
    run = partial(run_bench, store=tried, sources=order.sources, emit=emit, settings=settings)
    tests = LrTests(searches=searches, store=tried)
    if tests.total:
        emit(Progress(message="raising the learning rate of each row, to find the range to search"))
        summary = run(replace(chosen.plan, trials=tuple(tests.specs)), follow=tests)
        if summary.interrupted:
            return SearchOutcome(plan=chosen.plan, summary=summary)
        searches = tests.results()
        for sentence in filter(None, map(lr_sentence, searches)):
            note(sentence)
    follow = Searches(searches, tried, lambda sentence: emit(Progress(message=sentence)), open_width=is_remote)
    summary = run(replace(chosen.plan, trials=tuple(follow.first())), follow=follow)
    problems: list[str] = []
    tuned: dict[str, TrialSpec] = {}
    ended = iter(searches)
    for row in rows:
        own = [next(ended) for _ in row.searches]
        failures = [failure for search in own if (failure := failure_of(search))]
        problems += failures
        if not failures:
            chosen_trials = winners(own, row.specs, request.first_seed)
            tuned |= dict(zip(map(_key, row.specs), chosen_trials, strict=True))
            note(_sentence(own))
    pairs = ((spec, tuned.get(_key(spec))) for spec in chosen.plan.trials)
    trials = tuple(spec for pair in pairs for spec in pair if spec is not None)
    plan = replace(chosen.plan, trials=trials)
    return SearchOutcome(plan=plan, summary=summary, problems=tuple(problems))


def _run_at_a_time(searches: Sequence[Search], store: Store, slots: int) -> None:
    """Let each search run as many trials at a time as fill the slots, or as it did before it was stopped."""
    from harness.records.study_file import read_study, study_path

    for search in searches:
        before = read_study(study_path(store.root, search.key, search.repeat))
        search.at_a_time = max(1, -(-slots // len(searches))) if before is None else before.at_a_time


def _num_slots(order: BenchOrder) -> int:
    from zoo.api.running.forecast import num_slots

    return num_slots(order.chosen, order.settings.slots)


def _key(spec: TrialSpec) -> str:
    return spec.model_dump_json()


def _sentence(searches: Sequence[Search]) -> str:
    """Return what the searches of a row have chosen."""
    from zoo.space import values_text
    from zoo.text import duration

    first = searches[0]
    found = []
    for search in searches:
        best = search.best()
        assert best is not None, "a row without a winner is a problem"
        settings = values_text(best.values) or "the recipe's own settings"
        found.append(f"{settings} (trial {best.number} of {len(search.tried)})")
    seconds = sum(search.spent_seconds for search in searches)
    return f"{first.combination.title}: chosen by validation accuracy in {duration(seconds)}: {'; '.join(found)}"
