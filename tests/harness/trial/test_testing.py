"""Testing: what is predicted after training, in which order, and what is saved."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.data.image_facts import save_facts
from harness.data.images import TrialImages
from harness.records.history import read_history
from harness.records.predictions import VAL_FILE_NAME, load_predictions
from harness.records.store import read_record
from harness.training.evaluation import predict_logits
from harness.training.resolved_recipe import ResolvedRecipe
from harness.trial.job import TrialJob
from harness.trial.resolved_trial import ResolvedTrial
from harness.trial.testing import KeptOutputs, features_of_test, predict_splits
from harness.trial.trial import run_trial
from zoo.hyperparameters import Hyperparameters
from zoo.recipe import Recipe


@pytest.fixture
def run_test(tmp_path):
    """Test a linear network on some data; return the network, images, settings and what was found."""

    def run(prepared, **options):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 4))
        images = TrialImages(prepared)
        settings = ForwardSettings(device=torch.device("cpu"), normalization=prepared)
        recipe = Recipe(name="plain", hyperparameters=Hyperparameters)
        resolved = ResolvedRecipe(recipe=recipe, hp=Hyperparameters())
        return (
            model,
            images,
            settings,
            predict_splits(
                model,
                images,
                settings,
                resolved=resolved,
                kept=KeptOutputs(folder=tmp_path, **options),
                metrics=(),
                classes=prepared.classes,
                timing=nullcontext(),
            ),
        )

    return run


def test_validation_images_are_predicted_by_the_same_weights_in_their_order(run_test, make_data, tmp_path) -> None:
    model, images, settings, tested = run_test(make_data(num_val=24))
    saved = load_predictions(tmp_path, name=VAL_FILE_NAME)
    assert np.array_equal(saved.predictions.logits, predict_logits(model, images.val, settings).numpy())
    assert np.array_equal(saved.predictions.labels, images.val.labels_N)
    assert np.array_equal(saved.samples, images.val.samples_N)
    assert saved.predictions.classes == images.prepared.classes
    assert np.array_equal(load_predictions(tmp_path).predictions.logits, tested.prediction.logits_NK.numpy())


def test_without_validation_images_there_is_no_such_file(run_test, make_data, tmp_path) -> None:
    run_test(make_data(num_val=0))
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["predictions.safetensors"]


def test_the_test_split_is_opened_by_the_test_and_only_once(run_test, make_data) -> None:
    _, images, _, _ = run_test(make_data())
    with pytest.raises(RuntimeError, match="opens once"):
        images.open_test()


def test_the_saved_validation_predictions_are_those_of_the_tested_epoch(
    make_data, make_spec, plugin_catalog, tmp_path
) -> None:
    """The best epoch is tested here, and it is not the last."""
    folder = tmp_path / "trial"
    folder.mkdir()
    spec = make_spec("strided", hyperparameters={"epochs": 6, "lr": 0.2, "keep": "best", "schedule": "constant"})
    data = make_data(noise=120.0)
    job = TrialJob(trial=ResolvedTrial(spec=spec, result_key="key", prepared=data), folder=str(folder))
    assert run_trial(job, plugin_catalog)
    record = read_record(folder / "record.json")
    rows = [row for row in read_history(Path(folder) / "history.jsonl") if row["event"] == "epoch"]
    assert record.training is not None
    tested = rows[record.training.tested_epoch - 1]
    predictions = load_predictions(folder, sha256=record.files[VAL_FILE_NAME], name=VAL_FILE_NAME).predictions
    accuracy = (predictions.logits.argmax(axis=1) == predictions.labels).mean()
    assert accuracy == pytest.approx(tested["val_accuracy"])
    assert record.training.tested_epoch < 6
    assert accuracy > rows[-1]["val_accuracy"]


def test_features_of_the_test_images_are_saved_where_something_asks_for_them(run_test, make_data, tmp_path) -> None:
    run_test(make_data())
    assert load_predictions(tmp_path).predictions.features is None
    model, _, _, tested = run_test(make_data(), facts=frozenset({"features"}))
    saved = load_predictions(tmp_path).predictions
    assert saved.features is not None
    assert saved.features.shape == (len(saved.labels), 3 * 8 * 8)
    head = model[1]
    expected = saved.features @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    np.testing.assert_allclose(saved.logits, expected, rtol=1e-4, atol=1e-5)
    assert tested.warnings == ()


def test_ids_of_images_are_saved_only_where_something_asks_for_them(run_test, make_data, tmp_path) -> None:
    """They are often names of private files, and predictions are published."""
    prepared = make_data()
    num_test = len(prepared.load("test"))
    save_facts(Path(prepared.folder), "test", [f"Ada Miller {number}.jpg" for number in range(num_test)], None)
    run_test(prepared)
    saved = load_predictions(tmp_path).predictions
    assert (saved.ids, saved.groups) == (None, None)
    assert b"Miller" not in (tmp_path / "predictions.safetensors").read_bytes()
    run_test(prepared, facts=frozenset({"ids"}))
    assert load_predictions(tmp_path).predictions.ids == tuple(f"Ada Miller {number}.jpg" for number in range(num_test))


def test_a_network_without_a_head_has_no_features_and_the_record_says_so(make_data) -> None:
    prepared = make_data()
    settings = ForwardSettings(device=torch.device("cpu"), normalization=prepared)
    found, problem = features_of_test(nn.Linear(4, 4), prepared.load("test"), settings)
    assert found is None
    assert (
        problem
        == "there are no features for what asks for them: Linear is a head without a backbone, so has no features"
    )
