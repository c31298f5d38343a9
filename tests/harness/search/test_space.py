"""The space is what the plugins declare, without what the user has set, with the user's own ranges."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from harness.planning.plan import make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from harness.search.combination import Combination
from harness.search.space import space_of
from zoo.errors import ZooError
from zoo.loading import Sources, build_catalog
from zoo.options import Option

from .toy_search import ToySearch


def test_choices_come_first_and_conditions_last(toys: ToySearch) -> None:
    space = space_of(toys.combination("plain"), {}, ())
    assert list(space.texts()) == [
        "recipe.optimizer",
        "recipe.beta1",
        "recipe.lr",
        "recipe.weight_decay",
        "recipe.momentum",
    ]
    assert space.texts()["recipe.momentum"] == "uniform(0.5, 0.99) if recipe.optimizer=sgd"


def test_the_user_s_ranges_replace_add_and_remove(toys: ToySearch) -> None:
    given = {"recipe.lr": "log(0.1, 1)", "model.width": "int(1, 8)", "recipe.momentum": "off"}
    texts = space_of(toys.combination("plain"), given, ()).texts()
    assert texts["recipe.lr"] == "log(0.1, 1)"
    assert texts["model.width"] == "int(1, 8)"
    assert "recipe.momentum" not in texts


def test_a_range_test_may_find_the_learning_rate_under_conditions_or_without(toys: ToySearch) -> None:
    combination = toys.combination("plain")
    space = space_of(combination, {"recipe.lr": "lr-find"}, ())
    assert space.wants_lr_test
    assert space.texts()["recipe.lr"] == "log(1e-06, 10)"
    assert space.asked()["recipe.lr"] == "lr-find"
    found = space.with_lr_range("log(0.02, 2)")
    assert found.texts() == {**space.texts(), "recipe.lr": "log(0.02, 2)"}
    assert list(found.texts()) == list(space.texts())
    assert found.asked() == space.asked()
    assert space.with_lr_range("").texts()["recipe.lr"] == "log(0.001, 1)"  # as declared

    conditional = space_of(combination, {"recipe.lr": "lr-find if optimizer=sgd"}, ())
    assert conditional.asked()["recipe.lr"] == "lr-find if recipe.optimizer=sgd"
    assert conditional.with_lr_range("log(0.02, 2)").texts()["recipe.lr"] == "log(0.02, 2) if recipe.optimizer=sgd"

    declares_none = space_of(toys.combination("planted"), {"recipe.lr": "lr-find"}, ())
    with pytest.raises(ZooError, match="declares no range, either: give one"):
        declares_none.with_lr_range("")
    assert not space_of(combination, {}, ()).wants_lr_test


def test_what_the_user_has_set_is_not_searched(toys: ToySearch) -> None:
    texts = space_of(toys.combination("plain", set={"recipe.lr": 0.1}), {}, ["recipe.lr"]).texts()
    assert "recipe.lr" not in texts


@pytest.mark.parametrize(
    ("given", "fixed", "sentence"),
    [
        ({"recipe.lrr": "log(0.1, 1)"}, (), "did you mean 'recipe.lr'"),
        ({"recipe.momentum": "lr-find"}, (), "space of recipe.momentum: lr-find finds a range of recipe.lr only"),
        ({"recipe.lr": "lr-find(0.1)"}, (), "space of recipe.lr: 'lr-find(0.1)': expected a range such as"),
        ({"recipe.lr": "lr-find"}, ["recipe.lr"], "recipe.lr is both set to a value and searched"),
        ({"recipe.lr": "log(0.1)"}, (), "space of recipe.lr: 'log(0.1)': expected two numbers"),
        ({"recipe.lr": "log(1, 0.1)"}, (), "the smaller one first"),
        ({"recipe.momentum": "uniform(0, 2)"}, (), "space of recipe.momentum: plain.momentum = 2.0"),
        ({"recipe.batch_size": "log(16, 64)"}, (), "recipe.batch_size is a whole number"),
        ({"recipe.optimizer": "choice(sgd, sdg)"}, (), "space of recipe.optimizer: plain.optimizer = 'sdg'"),
        ({"recipe.pretrained": "choice(true, false)"}, (), "recipe.pretrained cannot be searched"),
        (
            {"recipe.gamma": "uniform(0.1, 1)"},
            (),
            "recipe.gamma is in the space of toy · bright · plain, where",
        ),
        ({"recipe.lr": "log(0.1, 1) if recipe.optimzer=sgd"}, (), "recipe.optimizer"),
        (
            {"recipe.lr": "log(0.1, 1)"},
            ("recipe.lr",),
            "both set to a value and searched: give a value or a range, not both",
        ),
    ],
)
def test_each_mistake_is_a_sentence(
    toys: ToySearch, given: dict[str, str], fixed: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(ZooError, match=re.escape(sentence)):
        space_of(toys.combination("plain"), given, fixed)


def test_mistakes_are_reported_together(toys: ToySearch) -> None:
    with pytest.raises(ZooError) as error:
        space_of(toys.combination("plain"), {"recipe.lr": "log(1)", "recipe.x": "int(1, 2)"}, ())
    assert "recipe.lr" in str(error.value)
    assert "recipe.x" in str(error.value)


def test_a_recipe_without_a_space_says_how_to_give_one(toys: ToySearch) -> None:
    with pytest.raises(ZooError, match=r"toy · bright · bare has no settings to search: give a range, such as --space"):
        space_of(toys.combination("bare"), {}, ())


def test_a_setting_is_active_where_its_conditions_hold_and_something_reads_it(toys: ToySearch) -> None:
    combination = toys.combination("plain")
    space = space_of(combination, {}, ())

    def active_with(optimizer: str) -> set[str]:
        settings: dict[str, Option] = {"recipe.optimizer": optimizer}
        return {key for key in space.dimensions if space.is_active(key, settings, combination)}

    active = {optimizer: active_with(optimizer) for optimizer in ("sgd", "adamw")}
    assert active["sgd"] - active["adamw"] == {"recipe.momentum"}
    assert active["adamw"] - active["sgd"] == {"recipe.beta1"}


def test_a_setting_that_is_read_only_beside_the_end_of_another_range_is_searched(toys: ToySearch) -> None:
    given = {"recipe.randaugment_ops": "int(0, 2)", "recipe.randaugment_magnitude": "uniform(0, 1)"}
    assert "recipe.randaugment_magnitude" in space_of(toys.combination("plain"), given, ()).texts()


@pytest.mark.parametrize(("width", "searched"), [(4, True), (8, False)])
def test_an_architecture_declares_ranges_with_conditions_too(toys: ToySearch, width: int, searched: bool) -> None:
    plain = toys.combination("plain")
    network = replace(
        plain.architecture, options={"width": 4, "drop": 0.1}, space={"drop": "uniform(0, 0.5) if width=4"}
    )
    options = {"width": width, "drop": 0.1}
    spec = plain.spec.model_copy(
        update={"architecture": plain.spec.architecture.model_copy(update={"options": options})}
    )
    combination = replace(plain, architecture=network, spec=spec)
    space = space_of(combination, {}, ())
    assert space.texts()["model.drop"] == "uniform(0, 0.5) if model.width=4"
    assert space.is_active("model.drop", {}, combination) is searched
    choice = space_of(combination, {"model.width": "choice(4, 8)"}, ())
    assert list(choice.dimensions).index("model.width") < list(choice.dimensions).index("model.drop")
    assert choice.is_active("model.drop", {"model.width": 4}, combination)
    assert not choice.is_active("model.drop", {"model.width": 8}, combination)
    trial = combination.with_values({"model.drop": 0.25, "recipe.lr": 0.5})
    assert (trial.architecture.options["drop"], trial.recipe.hyperparameters["lr"]) == (0.25, 0.5)


def test_every_built_in_recipe_that_has_something_to_choose_has_a_space_that_its_own_settings_lie_in() -> None:
    catalog = build_catalog(Sources(entry_points=False))
    bare = []
    for entry in catalog.recipes:
        if not entry.record.trains:
            continue
        settings = {"recipe.pretrained": False} if entry.record.hyperparameters().pretrained else {}
        request = BenchRequest.model_validate(
            {
                "models": ["resnet20_cifar"],
                "data": ["digits"],
                "recipes": [entry.full_name],
                "seeds": 1,
                "set": settings,
            }
        )
        combination = Combination.of(make_plan(select(request, catalog)).trials[0], catalog)
        if not entry.record.space:
            bare.append(entry.display_name)
            continue
        space = space_of(combination, {}, settings)
        assert space.dimensions
        trained = entry.record.fit_head is None
        for key, dimension in space.dimensions.items():
            default = combination.value(key)
            # Of recipes on features, the default may be to choose on the validation images; no logarithm is that of 0.
            is_fine = dimension.contains(default) or not trained or (dimension.is_log and default == 0)
            assert is_fine, f"{entry.full_name} {key}"
    assert bare == ["ncm"]
