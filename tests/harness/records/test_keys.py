"""Identity: what changes a key and what must not."""

from __future__ import annotations

from typing import Any

import pytest

from harness.records.keys import measurement_fields, result_fields, result_key, row_fields
from harness.records.origin import Origin, OriginKind
from harness.records.spec import (
    ArchitectureSpec,
    DatasetSpec,
    ExecutionSpec,
    ProviderSpec,
    RecipeSpec,
    SearchSpec,
    TrialSpec,
)
from harness.records.store import trial_id
from zoo.preparation import Preparation

PROVIDER = ProviderSpec(plugin="p", code_hash="c0")


def make_spec(**changes: Any) -> TrialSpec:
    """A resolved spec, with changes by dotted name."""
    parts: dict[str, dict[str, Any]] = {
        "architecture": {"full_name": "p/net", "display_name": "net", "provider": PROVIDER},
        "dataset": {"full_name": "p/set", "display_name": "set", "provider": PROVIDER},
        "recipe": {"full_name": "p/r", "display_name": "r", "provider": PROVIDER, "hyperparameters": {"lr": 0.1}},
        "execution": {"device": "cpu", "precision": "fp32", "small_images": "off", "threads": 2},
    }
    seed = changes.pop("seed", 0)
    for dotted, value in changes.items():
        part, name = dotted.split("__")
        parts[part][name] = value
    return TrialSpec(
        architecture=ArchitectureSpec(**parts["architecture"]),
        dataset=DatasetSpec(**parts["dataset"]),
        recipe=RecipeSpec(**parts["recipe"]),
        execution=ExecutionSpec(**parts["execution"]),
        seed=seed,
    )


def key(spec: TrialSpec, fingerprint: str = "f", torch: str = "2.15.0") -> str:
    """Its result key."""
    return result_key(spec, fingerprint=fingerprint, torch_version=torch)


@pytest.mark.parametrize(
    "change",
    [
        {"architecture__full_name": "q/net"},
        {"architecture__version": "1.0.31"},
        {"architecture__options": {"drop_rate": 0.1}},
        {"architecture__provider": ProviderSpec(plugin="p", code_hash="c1")},
        {"recipe__full_name": "p/other"},
        {"recipe__hyperparameters": {"lr": 0.2}},
        {"recipe__provider": ProviderSpec(plugin="p", code_hash="c1")},
        {"execution__precision": "bf16"},
        {"execution__small_images": "on"},
        {"seed": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_everything_that_can_change_predictions_changes_the_key(change: dict[str, Any]) -> None:
    """lm-evaluation-harness#4063 and #3046, pytorch/ao#3073: a cache that knew too little of what it held."""
    assert key(make_spec(**change)) != key(make_spec())


@pytest.mark.parametrize(
    "change",
    [
        {"dataset__display_name": "folder:elsewhere"},
        {"dataset__argument": "elsewhere"},
        {"execution__measure_seconds": 9.0},
        {"execution__threads": 1},
        {"execution__device": "cuda:0"},
        {"execution__gpus_per_trial": 4},
    ],
    ids=lambda change: next(iter(change)),
)
def test_settings_that_cannot_change_predictions_keep_the_key(change: dict[str, Any]) -> None:
    """torchgeo-bench#221: turning profiling on changed the resume key and doubled rows."""
    assert key(make_spec(**change)) == key(make_spec())


def test_other_images_or_another_minor_torch_version_is_another_result() -> None:
    """mteb#5228: a dataset's re-upload mixed old and new scores."""
    spec = make_spec()
    assert key(spec, fingerprint="g") != key(spec)
    assert key(spec, torch="2.14.1") != key(spec)
    assert key(spec, torch="2.15.1+cu132") == key(spec)


@pytest.mark.parametrize("name", ["folder:../../etc/x", "folder:/etc/x", "x\0y", "x\ny", "x" * 300, "-rf", "Ünï"])
def test_a_trial_folder_is_a_plain_name_for_any_data_name(name: str) -> None:
    """mlflow's path traversals, ray#1463."""
    folder = trial_id(make_spec(dataset__argument=name), "0" * 64)
    assert "/" not in folder
    assert ".." not in folder
    assert folder.isascii()
    assert folder.isprintable()
    assert not folder.startswith(("-", "."))
    assert len(folder) < 150


def test_the_built_in_namespace_is_left_out_of_a_folder_name() -> None:
    spec = make_spec(architecture__full_name="timm/resnet18", dataset__full_name="zoo/folder", dataset__argument="cats")
    assert trial_id(spec, "a" * 64) == "timm-resnet18--folder-cats--p-r--s0--aaaaaaaaaaaa"


def test_names_that_differ_only_in_case_get_different_folders() -> None:
    assert trial_id(make_spec(), "a" * 64) != trial_id(make_spec(), "b" * 64)


def test_speeds_on_several_gpus_are_another_measurement_and_those_on_one_have_the_key_that_they_had() -> None:
    environment = {"device_name": "x", "driver": "1", "threads": 2, "torch": "2.15.0"}

    def fields(gpus: int) -> dict[str, Any]:
        spec = make_spec(recipe__hyperparameters={"lr": 0.1, "batch_size": 8}, execution__gpus_per_trial=gpus)
        return measurement_fields(spec, environment)

    assert "gpus_per_trial" not in fields(1)
    assert fields(4) == {**fields(1), "gpus_per_trial": 4}


def test_speeds_compare_by_the_threads_that_each_network_could_have_had() -> None:
    spec = make_spec(recipe__hyperparameters={"lr": 0.1, "batch_size": 8})
    environment = {"device_name": "x", "driver": "1", "threads": 2, "torch": "2.15.0"}
    chosen = {**environment, "threads": 1, "available_threads": 2}
    assert measurement_fields(spec, chosen) == measurement_fields(spec, environment)
    assert measurement_fields(spec, {**chosen, "available_threads": 4}) != measurement_fields(spec, environment)


def test_how_images_are_prepared_and_their_pixels_change_the_key_and_older_specs_keep_theirs() -> None:
    """Models of different sizes share a fingerprint, which is over the images as they are stored."""
    old = make_spec()

    def of(pixels: str = "p", **fields: Any) -> str:
        spec = old.model_copy(update={"preparation": Preparation(**fields)})
        return result_key(spec, fingerprint="f", pixels=pixels, torch_version="2.15.0")

    ways: list[dict[str, Any]] = [
        {"size": 8}, {"size": 9}, {"size": 8, "fit": "pad"}, {"size": 8, "crop_share": 0.9},
        {"size": 8, "interpolation": "nearest"}, {"size": 8, "mean": (0.5,), "std": (0.5,)},
    ]  # fmt: skip
    assert len({key(old), of("q", size=8), *(of(**way) for way in ways)}) == len(ways) + 2
    assert result_key(old, fingerprint="f", pixels="p", torch_version="2.15.0") == key(old)


def test_what_was_read_changes_the_key_of_a_row_from_elsewhere_and_the_name_of_its_file_does_not() -> None:
    def of(origin: Origin | None) -> str:
        return result_key(make_spec(), fingerprint="f", torch_version="2.15.0", origin=origin)

    origin = Origin(kind=OriginKind.EVALUATED, source="file:a.safetensors", files={"a.safetensors": "1" * 64})
    others = [
        origin.model_copy(update=change)
        for change in ({"kind": OriginKind.PREDICTIONS}, {"files": {"a": "2" * 64}}, {"mapping": "by index"})
    ]
    assert len({of(None), of(origin), *map(of, others)}) == 5
    assert of(None) == key(make_spec())
    assert of(origin.model_copy(update={"source": "file:b.safetensors", "files": {"b": "1" * 64}})) == of(origin)


def test_a_trial_that_does_not_test_is_another_one_and_all_others_keep_their_key() -> None:
    spec = make_spec()
    untested = spec.model_copy(update={"execution": spec.execution.model_copy(update={"tests": False})})
    assert key(untested) != key(spec)
    fields = result_fields(spec, fingerprint="f", torch_version="2.15.0")
    assert not {"tests", "search", "lr_test"} & fields.keys()
    ranged = untested.execution.model_copy(update={"lr_test": True})
    assert key(untested.model_copy(update={"execution": ranged})) not in (key(untested), key(spec))


def test_a_tuned_row_is_its_search_and_budget_and_with_repeats_its_settings_may_differ() -> None:
    def tuned(lr: float, **changes: Any) -> TrialSpec:
        search = {"study": "s", "trials": 16, "seconds": 9.0, "budget": "16 trials", "sampler": "tpe", **changes}
        spec = make_spec()
        recipe = spec.recipe.model_copy(update={"hyperparameters": {**spec.recipe.hyperparameters, "lr": lr}})
        space = {"recipe.lr": "log(0.01, 1)"}
        return spec.model_copy(update={"recipe": recipe, "search": SearchSpec(**search, space=space)})

    assert row_fields(tuned(0.1)) != row_fields(make_spec())
    assert row_fields(tuned(0.1)) != row_fields(tuned(0.2))
    assert row_fields(tuned(0.1)) == row_fields(tuned(0.1, seconds=10.0))
    assert row_fields(tuned(0.1)) != row_fields(tuned(0.1, budget="32 trials"))
    assert row_fields(tuned(0.1, repeats=3)) == row_fields(tuned(0.2, repeats=3, repeat=1))
    assert key(tuned(0.1, repeats=3)) != key(tuned(0.2, repeats=3))


def test_a_draw_of_the_splits_changes_the_key_and_none_leaves_it_as_it_was() -> None:
    usual, drawn = make_spec(), make_spec(dataset__resplit=0)
    assert "resplit" not in result_fields(usual, fingerprint="f", torch_version="2.15.0")
    assert len({key(usual), key(drawn), key(make_spec(dataset__resplit=1))}) == 3
