"""Plans: which trials follow from a selection, in which order, and which combinations are skipped and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.planning.plan import Plan, Skip, make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from harness.records.spec import PretrainingSpec
from zoo.catalog import Catalog
from zoo.loading import Sources, build_catalog

PLUGIN = """
from zoo import Architecture, Dataset, Hyperparameters, Recipe, hookimpl

@hookimpl
def zoo_architectures():
    yield Architecture(name="a", build=print, options={"width": 1}, version="2", family="toys", preload=("json", "csv"))
    yield Architecture(name="b", build=print, has_pretrained=True, adapts_small_images=False, preload=("json",),
                       pretraining=lambda options: ("web",))
    yield Architecture(name="odd", build=print, has_pretrained=True, pretraining=lambda options: (1,))
    yield Architecture(name="large", build=print, min_size=32)

@hookimpl
def zoo_datasets():
    yield Dataset(name="dots", load=print, image_size=16, mirror_symmetric=False, preload=("zipfile",),
                  collections=("dots",))
    yield Dataset(name="files", load=print, argument="PATH")

@hookimpl
def zoo_recipes():
    yield Recipe(name="r", hyperparameters=lambda: Hyperparameters(epochs=2))
    yield Recipe(name="tune", hyperparameters=lambda: Hyperparameters(pretrained=True))
"""


@pytest.fixture
def toys(tmp_path: Path) -> Catalog:
    """A catalog of a few records that are never built."""
    file = tmp_path / "toys.py"
    file.write_text(PLUGIN)
    return build_catalog(Sources(files=(str(file),), builtin=False, entry_points=False, strict=True))


def plan_of(toys: Catalog, **changes: Any) -> Plan:
    """Plan a request for models a and b, with changes."""
    request = BenchRequest.model_validate(
        {"models": ["a", "b"], "data": ["dots"], "recipes": ["r"], "seeds": 1, **changes}
    )
    return make_plan(select(request, toys))


def names(plan: Plan) -> list[str]:
    return [
        f"{trial.dataset.display_name}{trial.dataset.fold or ''} {trial.seed} {trial.architecture.display_name}"
        for trial in plan.trials
    ]


def test_all_models_come_before_the_next_seed_and_all_seeds_before_the_next_dataset(toys: Catalog) -> None:
    assert names(plan_of(toys, data=["dots", "files:x"], seeds=2)) == [
        *("dots 0 a", "dots 0 b", "dots 1 a", "dots 1 b"),
        *("files:x 0 a", "files:x 0 b", "files:x 1 a", "files:x 1 b"),
    ]


def test_each_seed_draws_its_own_splits_where_that_is_asked_for(toys: Catalog) -> None:
    plan = plan_of(toys, models=["a"], seeds=2, folds=2, resplit=True)
    drawn = [(trial.seed, trial.dataset.resplit, trial.dataset.fold) for trial in plan.trials]
    assert drawn == [(0, 0, 1), (0, 0, 2), (1, 1, 1), (1, 1, 2)]
    assert {trial.dataset.resplit for trial in plan_of(toys, models=["a"], seeds=2).trials} == {None}


def test_all_folds_of_a_seed_come_before_the_next_seed(toys: Catalog) -> None:
    plan = plan_of(toys, models=["a"], folds=3, seeds=2)
    assert names(plan) == ["dots1 0 a", "dots2 0 a", "dots3 0 a", "dots1 1 a", "dots2 1 a", "dots3 1 a"]
    assert {trial.dataset.folds for trial in plan.trials} == {3}


def test_a_recipe_of_published_weights_skips_models_without_them(toys: Catalog) -> None:
    plan = plan_of(toys, recipes=["r", "tune"], seeds=2)
    assert [trial.recipe.display_name for trial in plan.trials] == ["r", "r", "tune"] * 2
    (skip,) = plan.skips  # once, and not once for each seed
    assert skip.title == "a · dots · tune"
    assert skip.reason == (
        "the recipe starts from published weights, and there are none; recipe.pretrained=false starts from random ones"
    )


def test_many_combinations_skipped_for_one_reason_are_told_in_one_sentence() -> None:
    few = tuple(Skip(title=f"small{number}", reason="too small") for number in range(10))
    many = tuple(Skip(title=f"bare{number:,}", reason="no weights") for number in range(1_234))
    assert Plan(trials=(), skips=few).skip_sentences == [
        f"skipped: {', '.join(f'small{number}' for number in range(10))}: too small"
    ]
    assert Plan(trials=(), skips=(*many, few[0])).skip_sentences == [
        "skipped: 1,234 combinations: no weights; the first are bare0 and bare1",
        "skipped: small0: too small",
    ]
    assert Plan(trials=()).skip_sentences == []


def test_a_trial_of_published_weights_says_what_these_saw_and_where_test_images_come_from(
    toys: Catalog,
) -> None:
    scratch, tuned = plan_of(toys, models=["b"], recipes=["r", "tune"]).trials
    assert scratch.pretraining is None
    assert tuned.pretraining == PretrainingSpec(collections=("web",), test_images=("dots",))
    (skip,) = plan_of(toys, models=["odd"], recipes=["tune"]).skips
    assert "cannot say what its published weights were trained on" in skip.reason


@pytest.mark.parametrize(("changes", "size"), [({}, 16), ({"set": {"data.image_size": 31}}, 31)])
def test_images_smaller_than_a_model_takes_are_skipped_with_both_sizes(
    toys: Catalog, changes: dict[str, Any], size: int
) -> None:
    plan = plan_of(toys, models=["large"], **changes)
    assert plan.trials == ()
    (skip,) = plan.skips
    assert isinstance(skip, Skip)
    assert skip.title == "large · dots · r"
    assert "32 px" in skip.reason
    assert str(size) in skip.reason


def test_images_large_enough_or_of_unknown_size_are_not_skipped(toys: Catalog) -> None:
    assert not plan_of(toys, models=["large"], set={"data.image_size": 32}).skips
    assert not plan_of(toys, models=["large"], data=["files:x"]).skips


def test_a_trial_has_the_requested_settings_and_the_catalogs_facts(toys: Catalog) -> None:
    (trial,) = plan_of(
        toys,
        models=["a"],
        set={"model.width": 3, "recipe.lr": 0.5, "data.image_size": 24},
        limit_train=100,
        limit_test=50,
        val_fraction=0.2,
    ).trials
    network, images = trial.architecture, trial.dataset
    assert (network.full_name, network.version, network.family) == ("toys/a", "2", "toys")
    assert network.options == {"width": 3}
    assert (images.full_name, images.image_size, images.mirror_symmetric) == ("toys/dots", 24, False)
    assert (images.limit_train, images.limit_test, images.val_fraction, images.folds) == (100, 50, 0.2, None)
    hyperparameters = trial.recipe.hyperparameters
    assert (hyperparameters["epochs"], hyperparameters["lr"]) == (2, 0.5)
    assert {each.provider.plugin for each in (network, images, trial.recipe)} == {"toys"}
    assert len(network.provider.code_hash) == 64


@pytest.mark.parametrize(("asked", "planned"), [(None, "auto"), (True, "on"), (False, "off")])
def test_settings_of_execution_are_those_of_the_request(toys: Catalog, asked: bool | None, planned: str) -> None:
    execution = (
        plan_of(toys, small_images=asked, device="cpu", threads=2, precision="fp32", measure_seconds=0.0)
        .trials[0]
        .execution
    )
    assert (execution.device, execution.threads, execution.precision) == ("cpu", 2, "fp32")
    assert (execution.measure_seconds, execution.small_images, execution.looks) == (0.0, planned, 1)


@pytest.mark.parametrize(
    ("asked", "shares"),
    [
        ({}, 1),
        ({"seeds": 4}, 4),
        ({"seeds": 2, "folds": 3}, 6),
        ({"seeds": "auto"}, 3),
        ({"seeds": "auto", "max_seeds": 2}, 2),
    ],
)
def test_the_trials_that_a_row_has_for_sure_share_its_time_for_measuring(
    toys: Catalog, asked: dict[str, Any], shares: int
) -> None:
    executions = [trial.execution for trial in plan_of(toys, **{"seeds": 1, **asked}).trials]
    assert {each.measure_shares for each in executions} == {shares}
    assert {each.measure_seconds for each in executions} == {0.3}


def test_a_dataset_is_listed_once_and_each_of_its_folds_by_itself(toys: Catalog) -> None:
    plan = plan_of(toys, data=["dots", "files:x"], seeds=3)
    assert [each.display_name for each in plan.datasets] == ["dots", "files:x"]
    assert [each.fold for each in plan_of(toys, folds=2, seeds=3).datasets] == [1, 2]


def test_modules_to_preload_are_listed_once_models_first(toys: Catalog) -> None:
    assert plan_of(toys).preload == ("json", "csv", "zipfile")


def test_the_compiler_is_preloaded_only_if_trials_use_it(toys: Catalog) -> None:
    assert plan_of(toys, compile="on").preload == ("json", "csv", "zipfile", "torch._dynamo")
    assert plan_of(toys, gpus_per_trial=2).preload[-1] == "torch._dynamo"
