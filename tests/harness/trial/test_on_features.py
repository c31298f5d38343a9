"""Trials on features: the backbone runs once, and the result is one network like any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from harness.classifiers.trained import load_trained
from harness.data.images import PreparedData
from harness.networks.heads import find_head
from harness.records.history import read_history
from harness.records.predictions import load_predictions
from harness.records.record import FailureKind, Outcome, Record
from harness.records.spec import ArchitectureSpec, DatasetSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import read_record
from harness.trial.job import TrialJob
from harness.trial.resolved_trial import ResolvedTrial
from harness.trial.trial import run_trial
from zoo.catalog import Catalog
from zoo.loading import Sources, build_catalog
from zoo.preparation import Preparation

PLUGIN = """
from zoo import Architecture, FeatureHyperparameters, Head, Recipe, hookimpl

def strided(request):
    from torch import nn
    return nn.Sequential(
        nn.Conv2d(request.in_channels, 16, 3, stride=2, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(64, request.num_classes),
    )

def rectified(request):
    from collections import OrderedDict
    from torch import nn
    body = nn.Sequential(nn.Conv2d(request.in_channels, 64, 3, stride=2, padding=1), nn.ReLU())
    classifier = nn.Sequential(
        nn.Conv2d(64, request.num_classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )
    return nn.Sequential(OrderedDict(body=body, classifier=classifier))

def fails(features, hp):
    raise ArithmeticError("singular")

def returns_a_layer(features, hp):
    from torch import nn
    return nn.Linear(64, 4)

def of_other_shape(features, hp):
    from torch import nn
    return Head(module=nn.Linear(64, 5))

def writes_into_what_it_is_given(features, hp):
    from torch import nn
    head = nn.Linear(features.train_ND.shape[1], features.num_classes)
    for array in (features.train_ND, features.val_ND):
        array[:] = 0
    for labels in (features.train_labels_N, features.val_labels_N):
        labels[:] = 0
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    head.bias.data[0] = 1
    return Head(module=head)

@hookimpl
def zoo_architectures():
    yield Architecture(name="strided", build=strided)
    yield Architecture(name="rectified", build=rectified)

@hookimpl
def zoo_recipes():
    for function in (fails, returns_a_layer, of_other_shape, writes_into_what_it_is_given):
        yield Recipe(name=function.__name__, hyperparameters=FeatureHyperparameters, fit_head=function)
"""

RunOn = Callable[..., Record]
Forwards = list[torch.Size]


@pytest.fixture
def heads_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "heads.py"
    path.write_text(PLUGIN)
    return build_catalog(Sources(files=(str(path),), entry_points=False, strict=True))


@pytest.fixture
def run_on(heads_catalog: Catalog, make_data: Callable[..., PreparedData], tmp_path: Path) -> RunOn:
    """Run a trial of a recipe on features and return its record; the same images each time."""
    data = make_data(num_train=96, noise=60.0)

    def run(
        recipe: str = "zoo/probe",
        model: str = "strided",
        *,
        name: str = "trial",
        seed: int = 0,
        prepared: PreparedData = data,
        preparation: Preparation | None = None,
        measure_seconds: float = 0,
        keeps_features: bool = False,
        **hyperparameters: Any,
    ) -> Record:
        provider = ProviderSpec(plugin="heads")
        spec = TrialSpec(
            architecture=ArchitectureSpec(full_name=f"heads/{model}", display_name=model, provider=provider),
            dataset=DatasetSpec(full_name="p/set", display_name="set", provider=provider),
            recipe=RecipeSpec(
                full_name=heads_catalog.recipes.get(recipe.rpartition("/")[2]).full_name,
                display_name=recipe,
                provider=provider,
                hyperparameters={"pretrained": False, "batch_size": 16, **hyperparameters},
            ),
            seed=seed,
            preparation=preparation,
            execution=ExecutionSpec(
                device="cpu", precision="fp32", threads=1, small_images="off", measure_seconds=measure_seconds
            ),
        )
        folder = tmp_path / "store" / name
        folder.mkdir(parents=True, exist_ok=True)
        job = TrialJob(
            trial=ResolvedTrial(spec=spec, result_key="key", prepared=prepared),
            folder=str(folder),
            retry=True,
            keeps_features=keeps_features,
        )
        (folder / "record.json").unlink(missing_ok=True)
        assert run_trial(job, heads_catalog)
        return read_record(folder / "record.json")

    return run


@pytest.fixture
def forwards(monkeypatch: pytest.MonkeyPatch) -> Forwards:
    """Shapes of the inputs of each real convolution since the start of the test."""
    seen: Forwards = []
    original = nn.Conv2d.forward

    def forward(self: nn.Conv2d, images: torch.Tensor) -> torch.Tensor:
        if images.device.type != "meta" and images.shape[1] == 3:
            seen.append(images.shape)
        return original(self, images)

    monkeypatch.setattr(nn.Conv2d, "forward", forward)
    return seen


def test_a_trial_is_recorded_like_any_other(run_on: RunOn, tmp_path: Path) -> None:
    record = run_on()
    assert (record.outcome, record.reason) == (Outcome.DONE, "")
    assert record.metrics["accuracy"].value > 0.9
    assert record.features is not None
    assert (record.features.layer, record.features.num_features, record.features.own_head) == ("4", 64, True)
    assert (record.features.num_computed, record.features.num_train) == (96 + 32 + 32, 96)
    assert set(record.features.chosen) == {"inverse_penalty"}
    assert record.model is not None
    assert (record.model.params, record.model.trainable_params) == (16 * 28 + 65 * 4, 65 * 4)
    assert {"build", "train", "test", "measure", "total"} <= set(record.seconds)
    assert {"history.jsonl", "predictions.safetensors", "checkpoint.safetensors"} <= set(record.files)
    (epoch,) = [row for row in read_history(tmp_path / "store/trial/history.jsonl") if row["event"] == "epoch"]
    assert record.training is not None
    assert epoch["val_accuracy"] == record.training.best_val_accuracy


@pytest.mark.parametrize("recipe", ["zoo/probe", "zoo/knn", "zoo/ncm", "zoo/lda"])
@pytest.mark.parametrize("model", ["strided", "rectified"])
def test_the_saved_network_predicts_what_was_recorded(
    run_on: RunOn, heads_catalog: Catalog, tmp_path: Path, recipe: str, model: str
) -> None:
    record = run_on(recipe, model)
    assert record.outcome is Outcome.DONE, record.failure
    trained = load_trained(tmp_path / "store/trial", heads_catalog)
    saved = load_predictions(tmp_path / "store/trial")
    prepared = next(tmp_path.glob("data-*"))
    images = torch.from_numpy(np.load(prepared / "test-images.npy")).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        logits_NK = trained.model((images - 0.5) / 0.25)
    np.testing.assert_allclose(logits_NK.numpy(), saved.predictions.logits, rtol=1e-4, atol=1e-4)
    assert record.features is not None
    assert record.features.own_head is (model == "strided" and recipe != "zoo/knn")


def test_a_second_trial_runs_no_backbone(run_on: RunOn, forwards: Forwards) -> None:
    first = run_on(measure_seconds=0.01)
    assert sum(len(shape) and shape[0] for shape in forwards) >= 96 + 32 + 32
    forwards.clear()
    again = run_on(name="again", measure_seconds=0.01)
    other = run_on("zoo/knn", name="other")
    few = run_on(name="few", measure_seconds=0.01, train_per_class=2)
    assert forwards == []
    assert again.metrics == first.metrics
    assert again.speed == few.speed == first.speed
    for record in (again, other, few):
        assert record.outcome is Outcome.DONE
        assert record.features is not None
        assert record.features.num_computed == 0


def test_the_speed_of_a_network_is_that_with_its_own_head(run_on: RunOn) -> None:
    """A bank of neighbours is another head than a linear layer, and grows with the training images."""
    probe = run_on(measure_seconds=0.01)
    neighbors = run_on("zoo/knn", name="knn", measure_seconds=0.01, neighbors=3)
    fewer = run_on("zoo/knn", name="fewer", measure_seconds=0.01, neighbors=3, train_per_class=2)
    again = run_on("zoo/knn", name="again", measure_seconds=0.01, neighbors=3)
    assert len({each.speed.model_dump_json() for each in (probe, neighbors, fewer) if each.speed is not None}) == 3
    assert again.speed == neighbors.speed


def test_features_equal_those_of_a_whole_forward_pass(run_on: RunOn, heads_catalog: Catalog, tmp_path: Path) -> None:
    run_on()
    trained = load_trained(tmp_path / "store/trial", heads_catalog)
    caught: list[torch.Tensor] = []
    (head,) = find_head(trained.model)
    head.register_forward_hook(lambda module, args, output: caught.append(args[0]))
    prepared = next(tmp_path.glob("data-*"))
    images = torch.from_numpy(np.load(prepared / "train-images.npy")).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        trained.model((images - 0.5) / 0.25)
    (kept,) = (tmp_path / "cache/features").glob("*/train.npy")
    np.testing.assert_allclose(np.load(kept), caught[0].numpy(), rtol=1e-5, atol=1e-6)


def test_other_weights_preparations_and_images_miss_the_cache(
    run_on: RunOn, make_data: Callable[..., PreparedData]
) -> None:
    def num_computed(**options: Any) -> int:
        record = run_on(**options)
        assert record.features is not None
        return record.features.num_computed

    assert num_computed() == 160
    assert num_computed() == 0
    assert num_computed(seed=1) == 160  # other random weights
    assert num_computed(preparation=Preparation(mean=(0.4,) * 3, std=(0.25,) * 3)) == 160
    changed = make_data(num_train=96, noise=60.0).model_copy(update={"fingerprint": "e" * 64})
    assert num_computed(prepared=changed) == 160
    assert num_computed() == 0


def test_a_head_is_fitted_to_few_images_and_classes_with_fewer_are_noted(run_on: RunOn) -> None:
    few, too_many = run_on(train_per_class=3), run_on(train_per_class=10_000)
    assert few.features is not None
    assert few.features.num_train == 12
    assert not any("have fewer than" in each for each in few.warnings)
    assert any("4 of 4 classes have fewer than 10000 training images" in each for each in too_many.warnings)


def test_a_recipe_that_writes_into_what_it_is_given_is_judged_by_what_was_there(run_on: RunOn) -> None:
    """It always answers class 0, and has made all labels and features zero."""
    record = run_on("heads/writes_into_what_it_is_given")
    assert record.training is not None
    assert 0 < record.training.best_val_accuracy < 0.5


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ("heads/fails", "fitting the head of fails failed: ArithmeticError: singular"),
        ("heads/returns_a_layer", "returns_a_layer: fit_head returned Linear; expected zoo.Head with a module"),
        ("heads/of_other_shape", "the network returned float32 [96, 5], not floating-point logits [96, 4]"),
    ],
)
def test_a_recipe_that_fails_is_that_trials_failure(run_on: RunOn, recipe: str, sentence: str) -> None:
    record = run_on(recipe)
    assert record.failure is not None
    assert (record.failure.kind, record.failure.message) == (FailureKind.PLUGIN, sentence)


PLAIN = {"crop_padding": 0, "flip": False, "epochs": 4, "lr": 0.05}
"""A linear probe that draws nothing at random for the images."""


def logits(tmp_path: Path, name: str) -> np.ndarray[Any, Any]:
    return np.asarray(load_predictions(tmp_path / "store" / name).predictions.logits)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"init": "default"},
        {"optimizer": "sgd", "ema_decay": 0.9, "keep": "best", "class_weights": "balanced", "clip_norm": 0.1},
        {"schedule": "plateau", "plateau_patience": 0, "label_smoothing": 0.1, "accumulate_steps": 2},
    ],
)
def test_a_linear_probe_without_augmentation_equals_its_training_on_images(
    run_on: RunOn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    fast = run_on("zoo/linear_probe", name="fast", **(PLAIN | settings))
    with monkeypatch.context() as patched:
        patched.setattr("harness.trial.trial.learns_from_features", lambda resolved: False)
        full = run_on("zoo/linear_probe", name="full", **(PLAIN | settings))
    assert (fast.outcome, full.outcome) == (Outcome.DONE, Outcome.DONE), (fast.reason, full.reason)
    assert full.features is None
    assert fast.features is not None
    assert (fast.features.num_computed, fast.features.own_head) == (160, True)
    expected = logits(tmp_path, "full")
    np.testing.assert_allclose(logits(tmp_path, "fast"), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert fast.training is not None
    assert full.training is not None
    assert fast.training.epochs_run == full.training.epochs_run == 4
    assert fast.training.tested_epoch == full.training.tested_epoch
    assert fast.training.final_train_loss == pytest.approx(full.training.final_train_loss, rel=1e-5)
    epochs = [
        [row for row in read_history(tmp_path / f"store/{name}/history.jsonl") if row["event"] == "epoch"]
        for name in ("fast", "full")
    ]
    for one, other in zip(*epochs, strict=True):
        for name in ("epoch", "lr", "val_accuracy", "train_accuracy"):
            assert one[name] == other[name]
        assert one["val_loss"] == pytest.approx(other["val_loss"], rel=1e-5)


def test_a_linear_probe_has_the_same_bits_whether_its_features_are_cached_or_not(
    run_on: RunOn, tmp_path: Path, forwards: Forwards
) -> None:
    run_on("zoo/linear_probe", name="first", init="default", **PLAIN)
    forwards.clear()
    again = run_on("zoo/linear_probe", name="again", init="default", **PLAIN)
    assert again.features is not None
    assert again.features.num_computed == 0
    assert forwards == []
    assert (logits(tmp_path, "first") == logits(tmp_path, "again")).all()
    assert not (logits(tmp_path, "first") == 0).all()


@pytest.mark.parametrize(("model", "settings"), [("strided", {"flip": True}), ("rectified", {})])
def test_a_linear_probe_runs_its_images_where_they_change_or_the_head_is_not_at_the_end(
    run_on: RunOn, model: str, settings: dict[str, Any]
) -> None:
    record = run_on("zoo/linear_probe", model, **(PLAIN | {"epochs": 1} | settings))
    assert (record.outcome, record.reason) == (Outcome.DONE, "")
    assert record.features is None


@pytest.mark.parametrize(
    ("model", "layer", "name", "width"),
    [
        ("strided", "pooled", "output of 2", 16),
        ("strided", "0", "output of 0", 16),
        ("rectified", "pooled", "output of body", 64),
    ],
)
def test_features_may_come_from_another_layer_which_the_record_names(
    run_on: RunOn, heads_catalog: Catalog, tmp_path: Path, model: str, layer: str, name: str, width: int
) -> None:
    first = run_on(model=model, name="head")
    record = run_on(model=model, layer=layer)
    assert (record.outcome, record.reason) == (Outcome.DONE, "")
    assert first.features is not None
    assert record.features is not None
    assert (record.features.layer, record.features.num_features) == (name, width)
    assert record.features.num_computed == 160, "those of the head are others"
    assert not record.features.own_head
    trained = load_trained(tmp_path / "store/trial", heads_catalog)
    prepared = next(tmp_path.glob("data-*"))
    images = torch.from_numpy(np.load(prepared / "test-images.npy")).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        predicted = trained.model((images - 0.5) / 0.25)
    np.testing.assert_allclose(predicted.numpy(), logits(tmp_path, "trial"), rtol=1e-4, atol=1e-4)


def test_a_layer_that_does_not_exist_is_a_failure_that_names_others(run_on: RunOn) -> None:
    record = run_on(layer="layer4")
    sentence = "Sequential has no layer 'layer4'; expected head, pooled or a layer such as 0, 1, 2, 3, 4"
    assert record.failure is not None
    assert record.failure.message == sentence


def test_views_are_augmented_once_for_all_seeds_and_recipes(run_on: RunOn, forwards: Forwards) -> None:
    record = run_on(views=3)
    assert record.features is not None, record.failure
    assert (record.features.views, record.features.num_train, record.features.num_computed) == (3, 96, 160 + 2 * 96)
    other = run_on("zoo/lda", views=4, name="lda")
    assert other.features is not None
    assert other.features.num_computed == 96
    forwards.clear()
    few = run_on(views=4, train_per_class=3, name="few")
    assert few.features is not None
    assert (few.features.num_computed, few.features.num_train) == (0, 12)
    assert forwards == []


def test_features_of_the_test_images_are_saved_if_a_listener_needs_them(run_on: RunOn, tmp_path: Path) -> None:
    run_on(keeps_features=True)
    saved = load_predictions(tmp_path / "store/trial").predictions
    (kept,) = (tmp_path / "cache/features").glob("*/test.npy")
    assert saved.features is not None
    assert (saved.features == np.load(kept)).all()
    run_on(name="other")
    assert load_predictions(tmp_path / "store/other").predictions.features is None
