"""The notation of search spaces is read, written and refused the same way everywhere."""

from __future__ import annotations

import pytest

from zoo.architecture import Architecture
from zoo.errors import UsageError
from zoo.hyperparameters import Hyperparameters
from zoo.recipe import Recipe
from zoo.space import parse_dimension, value_text, values_text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("log(1e-4,1)", "log(0.0001, 1)"),
        (" uniform ( 0 , 0.3 ) ", "uniform(0, 0.3)"),
        ("int(1, 8)", "int(1, 8)"),
        ("logint(16, 256)", "logint(16, 256)"),
        ("choice(sgd, adamw)", "choice(sgd, adamw)"),
        ("choice(true, 0.5, none)", "choice(true, 0.5, none)"),
        ("uniform(0.5, 0.99) if optimizer=sgd|rmsprop", "uniform(0.5, 0.99) if optimizer=sgd|rmsprop"),
        ("int(1, 2) if a=1 and recipe.b=x", "int(1, 2) if a=1 and recipe.b=x"),
    ],
)
def test_a_range_is_read_and_written(text: str, written: str) -> None:
    dimension = parse_dimension(text)
    assert str(dimension) == written
    assert parse_dimension(str(dimension)) == dimension


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0.1", "expected a range such as"),
        ("gauss(0, 1)", "expected a range such as"),
        ("log(0.1)", "expected two numbers"),
        ("log(a, b)", "expected two numbers"),
        ("int(1, 2, 3)", "expected two numbers"),
        ("uniform(1, 0)", "the smaller one first"),
        ("uniform(1, 1)", "the smaller one first"),
        ("log(0, 1)", "expected numbers above 0"),
        ("int(0.5, 2)", "expected whole numbers"),
        ("int(1, 1e300)", "expected whole numbers up to"),
        ("uniform(-1e308, 1e308)", "expected two numbers"),
        (f"log(1, {10**400})", "expected two numbers"),
        ("choice(sgd)", "at least two different values"),
        ("choice(sgd, sgd)", "at least two different values"),
        ("log(0.1, 1) if optimizer", "expected a condition such as"),
    ],
)
def test_a_mistake_is_a_sentence_that_quotes_it(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        parse_dimension(text)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("log(0.01, 1)", [0.01, 0.5, 1], [0.0, 2.0, "x", True, None]),
        ("int(1, 8)", [1, 8, 3.0], [0, 2.5, 9]),
        ("choice(sgd, none, 1)", ["sgd", None, 1], ["adam", True, 1.0]),
    ],
)
def test_a_range_knows_its_values(text: str, inside: list[object], outside: list[object]) -> None:
    dimension = parse_dimension(text)
    assert all(map(dimension.contains, inside))
    assert not any(map(dimension.contains, outside))


def test_values_are_written_as_a_command_line_takes_them() -> None:
    written = [value_text(value) for value in (None, True, 0.1, 1e-5, 3, "sgd")]
    assert written == ["none", "true", "0.1", "1e-05", "3", "sgd"]
    assert values_text({"recipe.lr": 0.012345, "model.width": 4}) == "lr=0.0123, model.width=4"


def test_a_recipe_and_an_architecture_refuse_a_space_that_is_none() -> None:
    with pytest.raises(ValueError, match="recipe 'r': space of lr: 'fast': expected a range"):
        Recipe(name="r", hyperparameters=Hyperparameters, space={"lr": "fast"})
    with pytest.raises(ValueError, match="architecture 'a': space of depth: it has no such option"):
        Architecture(name="a", build=lambda request: None, space={"depth": "int(1, 3)"})  # type: ignore[arg-type,return-value]


def test_every_built_in_recipe_has_a_space_around_its_own_settings(catalog) -> None:
    for entry in catalog.recipes:
        if not entry.record.trains:
            continue
        own = entry.record.hyperparameters()
        assert entry.record.space or entry.display_name == "ncm", entry.display_name  # it has nothing to choose
        for name, text in entry.record.space.items():
            value = getattr(own, name)
            # Some choose by validation images themselves at 0 or -1, which is tried as trial 0.
            assert value in (0, -1) or parse_dimension(text).contains(value), (entry.display_name, name)
