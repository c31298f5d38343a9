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
from harness.faults.errors import TrialError
from harness.networks.heads import find_head
from harness.records.history import read_history
from harness.records.predictions import load_predictions
from harness.records.record import FailureKind, Outcome, Record
from harness.records.spec import ArchitectureSpec, DatasetSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import read_record
from harness.trial.job import TrialJob
from harness.trial.on_features import few_per_class, head_logits
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

@hookimpl
def zoo_architectures():
    yield Architecture(name="strided", build=strided)
    yield Architecture(name="rectified", build=rectified)

@hookimpl
def zoo_recipes():
    for function in (fails, returns_a_layer, of_other_shape):
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
            trial=ResolvedTrial(spec=spec, result_key="key", prepared=prepared), folder=str(folder), retry=True
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
    other = run_on("zoo/knn", name="other", measure_seconds=0.01)
    few = run_on(name="few", measure_seconds=0.01, train_per_class=2)
    assert forwards == []
    assert again.metrics == first.metrics
    assert again.speed == first.speed
    for record in (again, other, few):
        assert record.outcome is Outcome.DONE
        assert record.features is not None
        assert record.features.num_computed == 0


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


def test_a_head_is_fitted_to_few_images_drawn_by_the_seed(run_on: RunOn) -> None:
    record = run_on(train_per_class=3)
    assert record.features is not None
    assert record.features.num_train == 12


def test_images_of_a_smaller_number_are_among_those_of_a_larger_one() -> None:
    labels_N = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 2])
    drawn = [few_per_class(labels_N, count, seed=3) for count in (1, 2, 4)]
    assert [np.bincount(labels_N[some]).tolist() for some in drawn] == [[1, 1, 1], [2, 2, 1], [4, 4, 1]]
    assert set(drawn[0]) < set(drawn[1]) < set(drawn[2])
    assert few_per_class(labels_N, 0, seed=3).tolist() == list(range(10))
    others = {tuple(few_per_class(labels_N, 1, seed=seed)) for seed in range(20)}
    assert len(others) > 5


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


def test_logits_that_are_not_finite_are_a_divergence() -> None:
    head = nn.Linear(2, 3)
    with torch.no_grad():
        head.weight.fill_(torch.inf)
    with pytest.raises(TrialError, match="the logits of the fitted head are not finite"):
        head_logits(head, np.zeros((4, 2), np.float32), 3)


def test_logits_of_no_images_are_none() -> None:
    assert head_logits(nn.Linear(2, 3), np.zeros((0, 2), np.float32), 3).shape == (0, 3)
