"""Each row of a plan has a search, or one for each seed, with the same budget."""

from __future__ import annotations

import pytest

from zoo.errors import ZooError

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
