"""Specs: trials as JSON, their titles, the whole that a fold belongs to, and stable hashes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from harness.records.spec import (
    ArchitectureSpec,
    ClassifierSpec,
    CodeSpec,
    DatasetSpec,
    ExecutionSpec,
    LrTestSpec,
    PretrainingSpec,
    ProviderSpec,
    RecipeSpec,
    SearchSpec,
    TrialSpec,
    stable_hash,
)
from zoo.preparation import Preparation
from zoo.published import PublishedFigure

CODE = CodeSpec(modules={"p.net": "d" * 64}, files={"x.yaml": "e" * 64}, libraries={"timm": "1.0"}, arguments="f" * 64)
PROVIDER = ProviderSpec(plugin="p", distribution="d", version="1", code_hash="c" * 64, code=CODE)
FULL = TrialSpec(
    architecture=ArchitectureSpec(
        full_name="p/net",
        display_name="net",
        version="3",
        family="nets",
        adapts_small_images=True,
        native_size=240,
        provider=PROVIDER,
        options={"width": 1.5, "depth": 3, "gated": True, "norm": "batch", "stem": None},
    ),
    dataset=DatasetSpec(
        full_name="p/folder",
        display_name="folder:x",
        argument="x",
        version="2",
        provider=PROVIDER,
        options={"count": 7},
        image_size=64,
        fit="pad",
        crop_share=0.9,
        interpolation="bilinear",
        antialias=False,
        bit_depth=12,
        mirror_symmetric=False,
        limit_train=100,
        limit_test=50,
        val_fraction=0.25,
        folds=5,
        fold=2,
        resplit=0,
        unsplit_is_test=True,
    ),
    recipe=RecipeSpec(
        full_name="p/r", display_name="r", provider=PROVIDER, hyperparameters={"lr": 0.1, "betas": [0.9, 0.99]}
    ),
    seed=4,
    preparation=Preparation(size=64, fit="pad", fill=(1, 2, 3), mean=(0.5,), std=(0.1,)),
    execution=ExecutionSpec(
        device="cuda:1",
        precision="bf16",
        gpus_per_trial=2,
        compile="graphs",
        layout="contiguous",
        batched_seeds="on",
        threads=3,
        small_images="on",
        looks=4,
        first_seeds=1,
        measure_seconds=0.0,
        measure_shares=3,
        best_inference=True,
        pause_after=3,
        tests=False,
        lr_test=True,
    ),
    search=SearchSpec(
        study="5",
        trials=16,
        seconds=2.5,
        budget="16 trials",
        sampler="tpe",
        pruner="none",
        objective="val_accuracy",
        space={"recipe.lr": "log(0.01, 1)"},
        settings={"recipe.lr": 0.3},
        default_settings={"recipe.lr": 0.1},
        best=7,
        best_value=0.9,
        default_value=0.8,
        repeat=1,
        repeats=3,
        lr_test=LrTestSpec(suggestion=0.1, problem="", seconds=2.5),
    ),
    classifier=ClassifierSpec(
        kind="file",
        source="file:net.safetensors",
        files={"net.safetensors": "a" * 64},
        num_classes=3,
        over="all",
        classes={"cat": "tabby"},
        columns=(2, 0, 1),
        mapping="3 classes, matched by name",
        published=PublishedFigure(value=0.75, dataset="x", source="a paper"),
    ),
    pretraining=PretrainingSpec(collections=("imagenet1k",), test_images=("cifar10",)),
)


def test_a_spec_with_every_field_set_is_read_as_it_was_written() -> None:
    parts = (
        FULL.architecture,
        FULL.dataset,
        FULL.recipe,
        FULL.execution,
        FULL.search,
        FULL.classifier,
        FULL.pretraining,
    )
    for part in (FULL, *parts, PROVIDER, CODE):
        assert part is not None
        assert part.model_fields_set == set(type(part).model_fields), "every field is set in this test"
    read = TrialSpec.model_validate_json(FULL.model_dump_json())
    assert read == FULL
    kinds = {name: type(value) for name, value in read.architecture.options.items()}
    assert kinds == {"width": float, "depth": int, "gated": bool, "norm": str, "stem": type(None)}


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("execution", {"precision": "fp8"}),
        ("execution", {"compile": "yes"}),
        ("execution", {"layout": "nchw"}),
        ("execution", {"small_images": True}),
        ("execution", {"threads": "many"}),
        ("dataset", {"image_size": 32.5}),
        ("dataset", {"val_fraction": "a tenth"}),
        ("dataset", {"options": {"count": [1]}}),
        ("architecture", {"provider": None}),
        ("recipe", {"hyperparameters": 3}),
        ("recipe", {"epochs": 3}),
    ],
)
def test_other_kinds_and_unknown_names_are_refused(part: str, wrong: dict[str, Any]) -> None:
    content = FULL.model_dump(mode="json")
    content[part] |= wrong
    with pytest.raises(ValidationError, match=rf"{part}\.{next(iter(wrong))}"):
        TrialSpec.model_validate(content)


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        FULL.seed = 5


def test_the_title_names_the_fold_where_there_is_one() -> None:
    plain = FULL.model_copy(update={"search": None, "execution": ExecutionSpec()})
    assert plain.title == "net · folder:x · r · seed 4 · fold 2 of 5"
    assert plain.whole.title == "net · folder:x · r · seed 4"


def test_the_title_tells_a_tuned_trial_and_a_trial_of_a_search() -> None:
    tuned = FULL.whole.model_copy(update={"execution": ExecutionSpec()})
    assert tuned.title == "net · folder:x · r, tuned · seed 4"
    tried = tuned.model_copy(update={"execution": ExecutionSpec(tests=False), "search": None})
    assert tried.title == "net · folder:x · r · search"
    assert FULL.whole.model_copy(update={"search": None}).title == "net · folder:x · r · range test"


def test_the_whole_of_a_fold_is_the_same_trial_over_all_folds() -> None:
    whole = FULL.whole
    assert (whole.dataset.folds, whole.dataset.fold) == (5, None)
    other = FULL.model_copy(update={"dataset": FULL.dataset.model_copy(update={"fold": 3})})
    assert other.whole == whole
    assert whole.whole is whole


def test_a_hash_is_that_of_canonical_json() -> None:
    # printf '{"a":[1,2.5],"b":null}' | sha256sum
    expected = "f66b2c50ccae61e3f2445d2439f42efc245581b18ed184ce5d3c22fb58eed9c4"
    assert stable_hash({"b": None, "a": (1, 2.5)}) == expected
    assert stable_hash({"a": [1, 2.5], "b": None}) == expected
    assert stable_hash({"a": [2.5, 1], "b": None}) != expected


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_json_cannot_represent_have_no_hash(value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        stable_hash({"lr": value})


def test_a_name_that_is_not_utf_8_can_be_written_as_json() -> None:
    """Names of files on Linux may hold any bytes; Python represents them by lone surrogates."""
    odd = PROVIDER.model_copy(update={"plugin": "caf\udce9"})
    assert odd.model_dump_json() == PROVIDER.model_dump_json().replace('"plugin":"p"', '"plugin":"caf\\udce9"')
    assert json.loads(odd.model_dump_json())["plugin"] == "caf\udce9"
    assert (
        json.loads(odd.model_dump_json(exclude={"version"})).keys()
        == json.loads(PROVIDER.model_dump_json(exclude={"version"})).keys()
    )


@pytest.mark.parametrize(
    ("seconds", "shares", "own"), [(0.3, 1, 0.3), (0.6, 3, 0.2), (0.3, 10, 0.1), (0.02, 3, 0.02), (0.0, 3, 0.0)]
)
def test_a_trial_measures_for_its_share_but_not_for_too_short_a_time(seconds: float, shares: int, own: float) -> None:
    execution = ExecutionSpec(measure_seconds=seconds, measure_shares=shares)
    assert execution.own_measure_seconds == pytest.approx(own)
