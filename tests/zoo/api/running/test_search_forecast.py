"""What a plan says of its searches: their trials, their time, and what of them is finished already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.bench.slots import SlotRequest
from harness.planning.forecast import Expectation, Forecast
from harness.planning.plan import make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from harness.records.spec import TrialSpec
from harness.records.study_file import FOLDER, StudyFile, TriedSettings, study_path, write_study
from harness.search.rows import searched_rows
from zoo.api.choosing import Chosen
from zoo.api.running.search_forecast import SearchForecast, search_forecast_of
from zoo.catalog import Catalog


class TenSeconds(Forecast):
    """Expects ten seconds for each trial, two of them to start and one to measure; nothing of *unknown* models."""

    unknown = ""

    def expect_run(self, spec: TrialSpec) -> Expectation:
        if spec.architecture.display_name == self.unknown:
            return Expectation()
        return Expectation(seconds=10.0, fixed_seconds=2.0, measuring_seconds=1.0)


@pytest.fixture
def expect(catalog: Catalog, tmp_path: Path) -> Callable[..., SearchForecast]:
    def run(*, unknown: str = "", jobs: int = 1, **changes: Any) -> SearchForecast:
        chosen = _chosen(catalog, **changes)
        forecast = TenSeconds()
        forecast.unknown = unknown
        found = search_forecast_of(chosen, forecast, SlotRequest(jobs=jobs), store=tmp_path)
        assert found is not None
        return found

    return run


def _chosen(catalog: Catalog, **changes: Any) -> Chosen:
    given = {"models": "linear,lenet5", "recipes": "sgd_quick", "seeds": 2, "tune": 16, "device": "cpu", **changes}
    request = BenchRequest.parse(given, origin="the test")
    return Chosen(request=request, plan=make_plan(select(request, catalog)), catalog=catalog, is_default=False)


def test_the_time_is_that_of_all_trials_without_measuring(expect: Callable[..., SearchForecast]) -> None:
    found = expect()
    assert (found.rows, found.again, found.seconds, found.is_most) == (2, 4, 2 * 16 * 9.0, False)
    assert found.sentence == (
        "before that, a search of 16 trials for each of 2 rows: about 4 min 48 s on 1 slot; "
        "then 4 trials with the settings that were chosen"
    )
    assert expect(jobs=2).seconds == 16 * 9.0
    assert expect(tune_repeats=2).seconds == 2 * 2 * 16 * 9.0
    assert "at most 4 min 48 s" in expect(pruner="asha").sentence


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({"tune": None, "tune_budget": "5m"}, 600.0),
        ({"tune_budget": "1m"}, 120.0),
        ({"tune_budget": "2h"}, 288.0),
        # 200 steps, where ten epochs of 809 of digits' images in batches of 64 are 120 steps, which take 7 s.
        ({"space": {"recipe.lr": "lr-find"}, "epochs": 10, "batch_size": 64}, 288.0 + 2 * 7.0 * 200 / 120),
    ],
)
def test_budgets_limit_the_time_and_range_tests_add_to_it(
    expect: Callable[..., SearchForecast], changes: dict[str, Any], seconds: float
) -> None:
    assert expect(**changes).seconds == pytest.approx(seconds)


def test_what_is_unknown_is_said(expect: Callable[..., SearchForecast]) -> None:
    assert "rows: at least 2 min 24 s on 1 slot, unknown for 1 search; then" in expect(unknown="lenet5").sentence
    assert "row: time unknown; then" in expect(models="linear", unknown="linear").sentence
    assert ", each after a range test of up to 200 steps:" in expect(space={"recipe.lr": "lr-find"}).sentence


def test_trials_with_a_result_take_no_time(
    expect: Callable[..., SearchForecast], catalog: Catalog, tmp_path: Path
) -> None:
    chosen = _chosen(catalog, models="linear")
    ((row,), _) = searched_rows(chosen.plan, chosen.request, catalog)
    (search,) = row.searches
    tried = [TriedSettings(number=number, outcome="done", value=0.5, seconds=9.0) for number in range(15)]
    tried.append(TriedSettings(number=15, outcome="done", value=0.5, seconds=9.0, same_as=3))

    def store(*trials: TriedSettings) -> None:
        (tmp_path / FOLDER).mkdir(exist_ok=True)
        names = {"study": search.key, "model": "linear", "data": "digits", "recipe": "sgd_quick"}
        study = StudyFile(**names, space={}, sampler="tpe", budget="16 trials", trials=trials)
        write_study(study_path(tmp_path / FOLDER, search.key, 0), study)

    store(*tried[:4], replace_outcome(tried[4]))
    some = expect(models="linear")
    assert (some.finished, some.seconds) == (4, 12 * 9.0)
    assert "about 1 min 48 s on 1 slot; 4 trials finished already; then" in some.sentence
    store(*tried)
    assert "for each of 1 row: all finished; then 2 trials" in expect(models="linear").sentence
    more = expect(models="linear", tune=32)
    assert (more.finished, more.seconds) == (15, 16 * 9.0)


def replace_outcome(tried: TriedSettings) -> TriedSettings:
    """Return a trial that has no result yet."""
    return tried.model_copy(update={"outcome": "", "value": None, "seconds": 0.0})


def test_nothing_is_expected_of_a_plan_without_a_search(catalog: Catalog, tmp_path: Path) -> None:
    chosen = _chosen(catalog, tune=None)
    assert search_forecast_of(chosen, TenSeconds(), SlotRequest(), store=tmp_path) is None
    empty = replace(_chosen(catalog), plan=replace(chosen.plan, trials=()))
    assert search_forecast_of(empty, TenSeconds(), SlotRequest(), store=tmp_path) is None
