"""Search forecasts: the trials and the time of the searches of a plan, which come before the trials that it lists."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.text import duration, plural

if TYPE_CHECKING:
    from pathlib import Path

    from harness.bench.slots import SlotRequest
    from harness.planning.forecast import Forecast
    from harness.search.search import Search
    from zoo.api.choosing import Chosen


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchForecast:
    """What the searches of a plan are expected to take."""

    rows: int
    """Number of rows that are searched."""
    bare: tuple[str, ...]
    """Titles of the rows that have nothing to search."""
    budget: str
    """Budget of each search, such as ``16 trials``."""
    repeats: int
    """Number of searches for each row."""
    finished: int
    """Number of trials of these searches that have a result in the store."""
    are_over: bool
    """Whether all of the searches are finished."""
    lr_steps: int
    """Training steps of the range test that each search begins with; 0 if there is none."""
    again: int
    """Number of trials that are trained with the settings that were chosen, beside those that the plan lists."""
    seconds: float | None
    """Expected time of what is left of the searches; None: unknown."""
    num_unknown: int
    """Number of searches whose time is unknown."""
    is_most: bool
    """Whether they may take less, because a pruner stops some of their trials."""
    slots: int
    """Number of trials that run at a time."""

    @property
    def sentence(self) -> str:
        """What comes before and after the trials that a plan lists, and how long it takes."""
        times = f", {self.repeats} times" if self.repeats > 1 else ""
        first = f", each after a range test of up to {self.lr_steps} steps" if self.lr_steps else ""
        what = f"before that, a search of {self.budget} for each of {plural(self.rows, 'row')}{times}{first}"
        return f"{what}{self._time()}; then {plural(self.again, 'trial')} with the settings that were chosen"

    def _time(self) -> str:
        if self.are_over:
            return ": all finished"
        finished = f"; {plural(self.finished, 'trial')} finished already" if self.finished else ""
        if self.seconds is None:
            return f": time unknown{finished}"
        how_sure = "at least" if self.num_unknown else "at most" if self.is_most else "about"
        unknown = f", unknown for {plural(self.num_unknown, 'search', 'searches')}" if self.num_unknown else ""
        return f": {how_sure} {duration(self.seconds)} on {plural(self.slots, 'slot')}{unknown}{finished}"

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        names = ("rows", "budget", "repeats", "finished", "lr_steps", "again", "seconds", "num_unknown", "is_most")
        return {**{name: getattr(self, name) for name in names}, "nothing_to_search": list(self.bare)}


def search_forecast_of(chosen: Chosen, forecast: Forecast, slots: SlotRequest, *, store: Path) -> SearchForecast | None:
    """Return what the searches of a plan are expected to take; None if nothing is searched.

    Args:
        store: Folder of records, with those of the searches in a folder of it; it may not exist.

    Raises:
        ZooError: If something cannot be searched, no row has anything to search, or Optuna is missing.
    """
    from harness.planning.rising_rates import STEPS
    from harness.search.rows import searched_rows
    from zoo.api.running.forecast import num_slots

    request = chosen.request
    if not request.is_tuned or not chosen.plan.trials:
        return None
    rows, bare = searched_rows(chosen.plan, request, chosen.catalog)
    searches = [search for row in rows for search in row.searches]
    left = [_left(each, chosen, forecast, store) for each in searches]
    known = [each.seconds for each in left if each.seconds is not None]
    at_a_time = num_slots(chosen, slots)
    return SearchForecast(
        rows=len(rows),
        bare=tuple(bare),
        budget=searches[0].budget.text,
        repeats=request.tune_repeats,
        finished=sum(each.finished for each in left),
        are_over=all(each.seconds == 0 for each in left),
        lr_steps=STEPS if any(each.space.wants_lr_test for each in searches) else 0,
        again=sum(len(row.specs) for row in rows),
        seconds=sum(known) / at_a_time if known else None,
        num_unknown=len(left) - len(known),
        is_most=request.pruner != "none",
        slots=at_a_time,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Left:
    """What is left of a search."""

    finished: int
    """Number of trials with a result."""
    seconds: float | None
    """Expected time of the others; None: unknown."""


def _left(search: Search, chosen: Chosen, forecast: Forecast, store: Path) -> _Left:
    from harness.records.study_file import FOLDER, read_study, study_path

    study = read_study(study_path(store / FOLDER, search.key, search.repeat))
    results = [] if study is None else [each for each in study.trials if each.outcome]
    budget, finished = search.budget, sum(each.same_as is None for each in results)
    if budget.trials is not None and len(results) >= budget.trials:
        return _Left(finished=finished, seconds=0.0)
    spent = sum(each.seconds for each in results if each.same_as is None)
    left = math.inf if budget.seconds is None else max(0.0, budget.seconds - spent)
    expected = forecast.expect_run(search.base)
    if expected.seconds is not None and budget.trials is not None:
        trial = expected.seconds - expected.measuring_seconds
        test = _lr_seconds(search, chosen, trial - expected.fixed_seconds) if study is None else 0.0
        left = min(left, test + trial * (budget.trials - len(results)))
    return _Left(finished=finished, seconds=None if left == math.inf else left)


def _lr_seconds(search: Search, chosen: Chosen, train_seconds: float) -> float:
    """Return the expected time of a range test, given that of training; 0 if there is none, or the data is unknown."""
    from harness.planning.rising_rates import STEPS
    from zoo.api.running.forecast import sizes

    dataset, settings = search.base.dataset, search.base.recipe.hyperparameters
    num_train = sizes(chosen)[dataset.display_name].num_learnt or 0
    num_train = int(min(num_train, dataset.limit_train or num_train) * (1 - dataset.val_fraction))
    steps = int(settings["epochs"]) * (num_train // int(settings["batch_size"]))
    return train_seconds * STEPS / steps if search.space.wants_lr_test and steps else 0.0
