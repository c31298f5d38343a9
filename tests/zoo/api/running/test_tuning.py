"""Tuned rows from end to end: searched on validation images, tested with fresh seeds beside the default rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import zoo
from harness.records.merging import merge
from harness.records.store import Store
from harness.records.study_file import read_study
from harness.search.objective import seconds_on_device
from reports.publishing.submission import pull_request_text
from zoo.errors import UsageError

TOYS = Path(__file__).parents[3] / "harness" / "search" / "toys.py"


@pytest.fixture
def tune(tmp_path: Path) -> Any:
    """Tune a toy recipe, three trials unless changed."""
    plugin = tmp_path / "toys.py"
    plugin.write_text(TOYS.read_text())

    def run(recipe: str = "planted", **changes: Any) -> zoo.BenchResult:
        settings: dict[str, Any] = {"seeds": 2, "tune": 6, "measure_seconds": 0, "device": "cpu", "show": "nothing"}
        plugins: dict[str, Any] = {"plugins": [plugin], "no_plugins": True}
        plugins["out"] = tmp_path / "runs"
        return zoo.bench("toy", "bright", recipe, **{**settings, **plugins, **changes})

    return run


def test_a_tuned_row_stands_beside_the_default_and_what_was_tried_is_counted_not_ranked(
    tune: Any, tmp_path: Path
) -> None:
    result = tune()
    assert result.is_complete
    recipes = list(result.table["recipe"])
    assert len(recipes) == 2
    assert recipes[0].startswith("planted, tuned, 6 trials, ")
    assert recipes[1] == "planted, default"
    assert result.table["accuracy"][0] > result.table["accuracy"][1]
    stored = dict(Store(tmp_path / "runs").records())
    assert len(stored) == 4
    searches = [record.search for record in stored.values() if record.search is not None]
    assert [search.trials for search in searches] == [6, 6]
    searched = dict(Store(tmp_path / "runs" / "search").records())
    assert len(searched) == 6
    assert not {record.spec.seed for record in searched.values()} & {record.spec.seed for record in stored.values()}
    (file,) = (tmp_path / "runs" / "search").glob("study-*.json")
    study = read_study(file)
    assert study is not None
    assert study.best == searches[0].best

    again = tune()
    assert [(record.trial_id, record.started_at) for record in again.records] == [
        (record.trial_id, record.started_at) for record in result.records
    ]


def test_ensembles_and_submissions_tell_tuned_rows_from_default_ones(tune: Any, tmp_path: Path) -> None:
    trials = tune(tune=3).trials
    table = pull_request_text(trials)
    assert "| planted, default | 0, 1 |" in table
    assert "| planted, tuned, 3 trials, " in table
    made = zoo.ensemble(tmp_path / "runs", over="seeds", out=tmp_path / "ensembles").made
    specs = [record.spec.architecture for record, _ in made]
    assert sorted((spec.display_name, spec.options["recipe"]) for spec in specs) == [
        ("toy, 2 seeds", "planted"), ("toy, tuned, 2 seeds", "planted, tuned, 3 trials")
    ]  # fmt: skip


def test_a_tuned_row_that_is_a_copy_of_the_default_is_no_member_of_an_ensemble(tune: Any, tmp_path: Path) -> None:
    tune(tune=2, space={"recipe.knob": "uniform(0.03, 0.05)"})
    result = zoo.ensemble(tmp_path / "runs", over="seeds", out=tmp_path / "ensembles")
    assert [record.spec.architecture.display_name for record, _ in result.made] == ["toy, 2 seeds"]
    sentence = "toy, planted, tuned, 2 trials repeats the default row, whose settings its search chose"
    assert result.skipped == (sentence,)
    with pytest.raises(UsageError, match="nothing to average over models"):
        zoo.ensemble(tmp_path / "runs", over="models", out=tmp_path / "ensembles")


def test_with_repeats_each_seed_has_a_search_of_its_own_and_they_share_a_row(tune: Any) -> None:
    result = tune(tune_repeats=2, tune=3)
    recipes = list(result.table["recipe"])
    assert len(recipes) == 2
    (tuned,) = (recipe for recipe in recipes if "tuned" in recipe)
    assert tuned.endswith(", tuned, 2 searches of 3 trials")
    knobs = {record.spec.recipe.hyperparameters["knob"] for record in result.records if record.search}
    assert len(knobs) == 2


def test_a_search_takes_the_learning_rates_that_a_range_test_finds(tune: Any, tmp_path: Path) -> None:
    result = tune("plain", tune=3, space={"recipe.lr": "lr-find"})
    assert result.is_complete
    (search,) = {record.search.model_dump_json(): record.search for record in result.records if record.search}.values()
    assert search.lr_test is not None
    assert search.lr_test.suggestion is not None
    low, high = (search.lr_test.suggestion * factor for factor in (0.1, 10))
    assert search.space["recipe.lr"] == f"log({low:.2g}, {high:.2g})"
    searched = [record for _, record in Store(tmp_path / "runs" / "search").records()]
    tests = [record for record in searched if record.spec.execution.lr_test]
    assert len(tests) == 1
    assert len(searched) == 4
    assert search.seconds == pytest.approx(sum(map(seconds_on_device, searched)), abs=1e-3)
    assert search.lr_test.seconds == pytest.approx(seconds_on_device(tests[0]), abs=1e-6)
    tried = [record.spec.recipe.hyperparameters["lr"] for record in searched if not record.spec.execution.lr_test]
    assert 0.01 in tried  # the recipe's own
    assert all(low * 0.9 <= lr <= high * 1.1 for lr in tried if lr != 0.01)

    again = tune("plain", tune=3, space={"recipe.lr": "lr-find"})
    assert [record.started_at for record in again.records] == [record.started_at for record in result.records]


def test_a_range_test_without_a_suggestion_leaves_the_default_row(tune: Any) -> None:
    settings = {"recipe.knob": 0.5, "data.flat": True}
    result = tune("planted", set=settings, space={"recipe.lr": "lr-find"}, tune=3)
    assert not result.is_complete
    assert any("the loss did not fall at any rate" in problem for problem in result.problems)
    assert len(result.table["recipe"]) == 1


def test_a_setting_that_nothing_reads_is_a_problem_and_the_default_row_is_tested(tune: Any) -> None:
    result = tune("idle", tune=4)
    assert not result.is_complete
    assert any("so nothing reads it" in problem for problem in result.problems)
    assert list(result.table["recipe"]) == ["idle"]


def searched(store: Path) -> set[str]:
    """Return the trials that searches have run."""
    return {record.trial_id for _, record in Store(store / "search").records()}


def test_more_trials_go_on_from_the_first_and_another_space_is_another_search(tune: Any, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    tune(tune=3, seeds=1)
    first = searched(runs)
    longer = tune(tune=5, seeds=1)
    assert len(searched(runs)) == 5
    assert searched(runs) > first
    assert {record.search.budget for record in longer.records if record.search} == {"5 trials"}
    tune(tune=3, seeds=1, space={"recipe.knob": "uniform(0.5, 0.6)"})
    assert len(list((runs / "search").glob("study-*.json"))) == 2
    # All of them stand in the table of the store, beside the default, each under its own budget or space.
    recipes = sorted(zoo.rank(runs).table["recipe"])
    assert [recipe.partition(" trials")[0] for recipe in recipes] == [
        "planted, default", "planted, tuned, 3", "planted, tuned, 3", "planted, tuned, 5"
    ]  # fmt: skip


def test_a_merged_store_goes_on_with_the_search_of_its_sources(tune: Any, tmp_path: Path) -> None:
    space = {"recipe.lr": "lr-find"}
    tune("plain", tune=3, seeds=1, space=space)
    merged = tmp_path / "merged"
    assert merge([tmp_path / "runs"], Store(merged)).refused == ()

    def started() -> dict[str, str]:
        return {record.trial_id: record.started_at for _, record in Store(merged / "search").records()}

    before = started()
    assert len(before) == 4  # with the range test
    result = tune("plain", tune=4, seeds=1, space=space, out=merged)
    assert result.is_complete
    after = started()
    assert before.items() < after.items()
    assert len(after) == 5


def test_a_budget_below_one_trial_tries_the_default_alone(tune: Any, tmp_path: Path) -> None:
    result = tune(tune=None, tune_budget="0.01s", seeds=1)
    assert result.is_complete
    assert len(searched(tmp_path / "runs")) == 1
    default, tuned = sorted(result.records, key=lambda record: record.search is not None)
    assert tuned.search is not None
    assert (tuned.search.trials, tuned.search.settings, tuned.search.best) == (1, {}, 0)
    assert tuned.metrics == default.metrics


def test_a_search_whose_trials_all_fail_says_why_and_the_default_row_stays(tune: Any) -> None:
    result = tune("broken", tune=3, seeds=1)
    assert not result.is_complete
    problem, *_ = result.problems
    assert problem.startswith("no trial of the search of toy · bright · broken succeeded: ")
    assert "this knob is broken" in problem
    assert [record.search for record in result.records] == [None]


def test_a_grid_is_searched_value_by_value_and_without_the_setting_of_the_grid(tune: Any) -> None:
    result = tune("plain", tune=2, seeds=1, set={"recipe.lr": (0.01, 0.1)})
    tuned = [record for record in result.records if record.search]
    assert sorted(record.spec.recipe.hyperparameters["lr"] for record in tuned) == [0.01, 0.1]
    assert all("recipe.lr" not in record.search.space for record in tuned if record.search)
    assert len(result.table["recipe"]) == 4


def test_adaptive_seeds_go_to_tuned_rows_as_to_others(tune: Any) -> None:
    result = tune(seeds="auto", max_seeds=4, tune=4)
    assert result.is_complete
    tuned = {record.spec.seed for record in result.records if record.search}
    default = {record.spec.seed for record in result.records if not record.search}
    assert {0, 1, 2} <= tuned
    assert {0, 1, 2} <= default


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"folds": 3}, "tune cannot be combined with folds"),
        ({"tune_repeats": 3}, "tune_repeats = 3 needs as many seeds"),
        ({"tune": None, "space": {"recipe.knob": "uniform(0, 1)"}}, "space belongs to a search"),
        ({"tune": 1}, "tune = 1"),
        ({"space": {"recipe.momentum": "lr-find"}}, "lr-find finds a range of recipe.lr only"),
        ({"sampler": "grid"}, "sampler = 'grid'"),
        ({"space": {"recipe.knbo": "uniform(0, 1)"}}, "did you mean 'recipe.knob'"),
    ],
)
def test_mistakes_are_sentences_before_anything_runs(
    tune: Any, tmp_path: Path, settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        tune(**settings)
    assert not (tmp_path / "runs").exists()
