"""Each row of a plan has a search, or one for each seed, with the same budget."""

from __future__ import annotations

import pytest

from harness.search.rows import searched_rows
from zoo.errors import UsageError, ZooError

from .toy_search import ToySearch


def test_each_row_gets_a_search_over_its_seeds(toys: ToySearch) -> None:
    rows = toys.rows(recipes=["planted", "plain"], seeds=3)
    assert [[spec.seed for spec in row.specs] for row in rows] == [[0, 1, 2], [0, 1, 2]]
    assert [len(row.searches) for row in rows] == [1, 1]
    assert {search.budget.text for row in rows for search in row.searches} == {"16 trials"}


def test_repeats_are_searches_with_numbers(toys: ToySearch) -> None:
    (row,) = toys.rows(tune_repeats=2, tune_budget="90m")
    assert [search.repeat for search in row.searches] == [0, 1]
    assert row.searches[0].budget.text == "16 trials or 90m"
    assert row.searches[0].budget.seconds == 5400


def test_mistakes_of_all_rows_are_reported_together_and_once(toys: ToySearch) -> None:
    with pytest.raises(ZooError) as error:
        toys.rows(recipes=["bare", "planted"], space={"recipe.x": "int(1, 2)"})
    assert str(error.value).count("recipe.x") >= 2


def test_weights_that_are_tested_as_they_are_have_nothing_to_search(toys: ToySearch) -> None:
    rows = toys.rows(recipes=["as_is", "planted"])
    assert [row.specs[0].recipe.display_name for row in rows] == ["planted"]


def test_a_row_that_has_nothing_to_search_is_named_and_the_others_are_searched(toys: ToySearch) -> None:
    request = toys.request("plain", recipes=["plain", "bare"])
    rows, bare = searched_rows(toys.plan(request), request, toys.catalog)
    assert [row.searches[0].combination.title for row in rows] == ["toy · bright · plain"]
    assert bare == ["toy · bright · bare"]
    only = toys.request("bare")
    with pytest.raises(UsageError, match="bare has no settings to search"):
        searched_rows(toys.plan(only), only, toys.catalog)


def test_a_range_that_changes_no_search_is_an_error_and_one_for_some_of_the_rows_is_not(toys: ToySearch) -> None:
    both = ["planted", "plain"]
    for text, sentence in (
        (
            "uniform(0.5, 0.9) if optimizer=rmsprop",
            "searched only if recipe.optimizer=rmsprop, but recipe.optimizer is",
        ),
        ("uniform(0.5, 0.9) if lr=7", "searched only if recipe.lr=7, but recipe.lr is"),
    ):
        with pytest.raises(UsageError, match=sentence):
            toys.rows("plain", space={"recipe.momentum": text})
    for given in ({"recipe.momentun": "off"}, {"model.depth": "off"}):
        with pytest.raises(UsageError, match=f"is called '{next(iter(given))}'"):
            toys.rows(recipes=both, space=given)
    # The optimizer is searched in one of the two recipes only.
    for fine in ({"recipe.momentum": "uniform(0.5, 0.9) if optimizer=adamw"}, {"recipe.momentum": "off"}):
        assert len(toys.rows(recipes=both, space=fine)) == 2


def test_near_names_are_those_of_settings_and_the_hint_is_of_the_model_or_the_recipe(toys: ToySearch) -> None:
    for key, near, shown in (
        ("lr", "'recipe.lr'", "plain"),
        ("width", "'model.width'", "plain"),
        ("recipe.widht", "'model.width'", "plain"),
        ("model.lrr", "'recipe.lr'", "toy"),
    ):
        error = toys.combination("plain").missing(key)
        assert error is not None
        assert f"did you mean {near}" in str(error)
        assert str(error).endswith(f"(zoo show {shown})")
    assert toys.combination("plain").missing("recipe.lr") is None
