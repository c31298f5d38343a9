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
