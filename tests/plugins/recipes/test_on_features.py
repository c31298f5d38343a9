"""The recipes on features pass the kit's checks, and the commands take them like any other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.records.predictions import load_predictions
from plugins.recipes import on_features

RECIPES = {recipe.name: recipe for recipe in on_features.zoo_recipes()}


@pytest.mark.parametrize("name", RECIPES)
def test_each_conforms(hold, name):
    passed = hold("recipes", f"zoo/{name}")
    assert {"fits_64_images", "head_gives_logits", "recipe_has_no_side_effects"} <= set(passed)


@pytest.mark.parametrize("name", RECIPES)
def test_each_starts_from_published_weights(name):
    assert RECIPES[name].hyperparameters().pretrained
    assert RECIPES[name].source


def test_probe_and_knn_on_pixels_of_digits_predict_what_scikit_learn_does(call_zoo, make_cache, tmp_path):
    """Features of the network ``linear`` are the pixels themselves, normalised."""
    cache = make_cache()
    done = call_zoo(
        "bench", "--models", "linear", "--data", "digits", "--recipes", "probe,knn", "--seeds", "1", "--device", "cpu",
        "--set", "recipe.pretrained=false", "--measure-seconds", "0", "--out", "runs", ZOO_CACHE=str(cache),
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    (folder,) = (cache / "decoded").glob("digits-*[0-9a-f]")
    facts = json.loads((folder / "data.json").read_text())

    def of(split: str) -> tuple[np.ndarray, np.ndarray]:
        images = np.load(folder / f"{split}-images.npy").astype(np.float64) / 255
        scaled = (images - np.array(facts["mean"])) / np.array(facts["std"])
        return scaled.reshape(len(images), -1).astype(np.float32).astype(np.float64), np.load(
            folder / f"{split}-labels.npy"
        )

    (train_ND, labels_N), (test_ND, _) = of("train"), of("test")
    for recipe in ("probe", "knn"):
        (trial,) = (tmp_path / "runs").glob(f"linear--digits--{recipe}--*")
        chosen = json.loads((trial / "record.json").read_text())["features"]["chosen"]
        reference = (
            make_pipeline(StandardScaler(), LogisticRegression(C=chosen["inverse_penalty"], max_iter=1000))
            if recipe == "probe"
            else KNeighborsClassifier(int(chosen["neighbors"]), weights=chosen["weighting"], metric="cosine")
        )
        found = load_predictions(Path(trial)).predictions.logits.argmax(axis=1)
        np.testing.assert_array_equal(found, reference.fit(train_ND, labels_N).predict(test_ND))


def test_settings_of_training_are_refused(run_zoo):
    done = run_zoo("bench", "--models", "linear", "--recipes", "probe", "--epochs", "3", "--dry-run")
    assert done.returncode == 2
    assert "recipe.epochs = 3 has no effect in probe: the recipe fits a head to the features" in done.stderr
