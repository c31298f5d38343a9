"""A combination gives its settings by dotted key, and specs with other values of them."""

from __future__ import annotations

import pytest

from harness.search.combination import Combination
from zoo.errors import UnknownNameError, UsageError, ZooError

from .toy_search import ToySearch


def test_settings_are_read_by_their_dotted_keys(toys: ToySearch) -> None:
    combination = toys.combination("plain", set={"recipe.lr": 0.3, "model.width": 7})
    assert [combination.value(key) for key in ("recipe.lr", "recipe.optimizer", "model.width")] == [0.3, "sgd", 7]
    assert combination.title == "toy · bright · plain"


@pytest.mark.parametrize("key", ["recipe.lrr", "model.widht", "data.poison", "lr"])
def test_an_unknown_setting_is_refused_with_near_names(toys: ToySearch, key: str) -> None:
    with pytest.raises(UnknownNameError, match="setting of toy · bright · plain"):
        toys.combination("plain").value(key)


def test_values_go_into_the_recipe_and_the_model_and_nothing_else_changes(toys: ToySearch) -> None:
    combination = toys.combination("plain")
    spec = combination.with_values({"recipe.lr": 0.2, "model.width": 9})
    assert (spec.recipe.hyperparameters["lr"], spec.architecture.options) == (0.2, {"width": 9})
    assert combination.with_values({}) == combination.spec
    assert Combination.of(spec, toys.catalog).value("recipe.lr") == 0.2


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"recipe.lr": -1.0}, "recipe|plain.lr = -1.0"),
        ({"recipe.gamma": 0.3}, "recipe.gamma = 0.3 has no effect in plain"),
        ({"recipe.warmup_epochs": 9.0}, "a warm-up of 9 epochs is longer than the training of 2"),
    ],
)
def test_values_that_do_not_go_together_are_refused(toys: ToySearch, values: dict[str, float], sentence: str) -> None:
    with pytest.raises(ZooError, match=sentence):
        toys.combination("plain").with_values(values)


def test_whether_a_setting_is_read_depends_on_the_others(toys: ToySearch) -> None:
    combination = toys.combination("plain")
    assert not combination.is_read("recipe.beta1", {})
    assert combination.is_read("recipe.beta1", {"recipe.optimizer": "adamw"})
    assert combination.is_read("model.width", {})


def test_a_range_must_be_of_the_setting_s_type(toys: ToySearch) -> None:
    combination = toys.combination("plain")
    with pytest.raises(UsageError, match=r"batch_size is a whole number .* expected int\(…\)"):
        combination.check_type("recipe.batch_size", whole=False, fractional=True)
    with pytest.raises(UsageError, match=r"'sgd' .* expected choice\(…\)"):
        combination.check_type("recipe.optimizer", whole=True, fractional=False)
    combination.check_type("recipe.batch_size", whole=True, fractional=False)
    combination.check_type("recipe.lr", whole=False, fractional=True)
