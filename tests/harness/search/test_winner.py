"""The winner is tested with the seeds of the plan, and its trials say which search chose their settings."""

from __future__ import annotations

from typing import Any

from harness.records.keys import result_key, row_fields
from harness.search.search import SEED, Search
from harness.search.winner import failure_of, winners

from .toy_search import ToySearch, answer, result


def searched(search: Search) -> Search:
    def surface(settings: Any) -> float:
        return 1 - abs(settings["recipe.knob"] - 0.7)

    answer(search, surface)
    return search


def test_the_winner_s_trials_have_fresh_seeds_and_are_tested(toys: ToySearch) -> None:
    (row,) = toys.rows(seeds=2)
    search = searched(row.searches[0])
    trials = winners(row.searches, row.specs, 0)
    best = search.best()
    assert best is not None
    assert [trial.seed for trial in trials] == [0, 1]
    assert SEED not in {trial.seed for trial in trials}
    for trial in trials:
        assert trial.execution.tests
        assert trial.recipe.hyperparameters["knob"] == best.values["recipe.knob"]
        assert trial.search is not None
        assert (trial.search.trials, trial.search.seconds, trial.search.best) == (16, 960, best.number)
        assert trial.search.best_value is not None
        assert trial.search.default_value is not None
        assert trial.search.best_value > trial.search.default_value


def test_with_repeats_each_seed_has_the_settings_of_its_own_search_in_one_row(toys: ToySearch) -> None:
    (row,) = toys.rows(seeds=2, tune_repeats=2)
    for search in row.searches:
        searched(search)
    trials = winners(row.searches, row.specs, 0)
    values = [trial.recipe.hyperparameters["knob"] for trial in trials]
    assert len(set(values)) == 2
    assert row_fields(trials[0]) == row_fields(trials[1])
    assert result_key(trials[0], fingerprint="f", torch_version="2.11") != result_key(
        trials[1].model_copy(update={"seed": 0}), fingerprint="f", torch_version="2.11"
    )


def test_a_tuned_row_is_another_one_than_the_same_settings_given_by_hand(toys: ToySearch) -> None:
    (row,) = toys.rows()
    searched(row.searches[0])
    (tuned, *_) = winners(row.searches, row.specs, 0)
    by_hand = tuned.model_copy(update={"search": None})
    assert row_fields(tuned) != row_fields(by_hand)


def test_why_there_is_no_winner_is_a_sentence(toys: ToySearch) -> None:
    unfinished = toys.search()
    unfinished.due()
    assert "is not finished: run the same command again to continue" in failure_of(unfinished)
    failed = toys.search(tune=2)
    while due := failed.due():
        failed.take(due[0].number, result(None))
    assert failure_of(failed) == "no trial of the search of toy · bright · planted succeeded: killed"
    idle = toys.search("idle")
    idle.problem = "recipe.idle does nothing"
    assert failure_of(idle) == "recipe.idle does nothing"
    assert failure_of(searched(toys.search())) == ""
