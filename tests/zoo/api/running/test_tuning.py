"""Tuned rows from end to end: searched on validation images, tested with fresh seeds beside the default rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import zoo
from harness.records.store import Store
from harness.records.study_file import read_study
from zoo.errors import UsageError

TOYS = Path(__file__).parents[3] / "harness" / "search" / "toys.py"


@pytest.fixture
def tune(tmp_path: Path) -> Any:
    """Tune a toy recipe, three trials unless changed."""
    plugin = tmp_path / "toys.py"
    plugin.write_text(TOYS.read_text())

    def run(recipe: str = "planted", **changes: Any) -> zoo.BenchResult:
        settings: dict[str, Any] = {"seeds": 2, "tune": 6, "measure_seconds": 0, "device": "cpu", "show": "nothing"}
        plugins = {"plugins": [plugin], "no_plugins": True}
        return zoo.bench("toy", "bright", recipe, out=tmp_path / "runs", **{**settings, **plugins, **changes})

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


def test_with_repeats_each_seed_has_a_search_of_its_own_and_they_share_a_row(tune: Any) -> None:
    result = tune(tune_repeats=2, tune=3)
    recipes = list(result.table["recipe"])
    assert len(recipes) == 2
    (tuned,) = (recipe for recipe in recipes if "tuned" in recipe)
    assert tuned.endswith(", 2 searches")
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
    trials = sum(record.seconds["total"] - record.seconds.get("wait", 0) for record in searched)
    assert search.seconds == pytest.approx(trials, abs=1e-3)
    assert search.lr_test.seconds == pytest.approx(
        tests[0].seconds["total"] - tests[0].seconds.get("wait", 0), abs=1e-6
    )
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
