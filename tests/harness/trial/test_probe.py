"""Probes: what a few batches tell of a whole trial, and what goes wrong in them."""

from __future__ import annotations

import pytest
from torch import nn

import harness.trial.probe as module
from harness.data.images import few
from harness.planning.classifiers import GivenClassifier
from harness.records.spec import ClassifierSpec
from harness.trial.evaluating import EvaluatedNetwork
from harness.trial.probe import probe_trial
from zoo.preparation import Preparation


@pytest.fixture
def probe(plugin_file, make_spec):
    def run(data, model="strided", **hyperparameters):
        spec = make_spec(model, hyperparameters=hyperparameters)
        sources = {"files": (str(plugin_file),), "entry_points": False}
        return probe_trial(sources, spec.model_dump(mode="json"), data.model_dump(mode="json"))

    return run


def test_a_probe_measures_every_part_of_a_trial(make_data, probe):
    measured = probe(make_data(num_train=64, num_val=32), batch_size=8)
    assert (measured["training_batch"], measured["inference_batch"]) == (8, 32)
    for part in ("build_seconds", "image_seconds", "single_image_seconds", "save_seconds", "end_seconds", "seconds"):
        assert 0 < measured[part] < 60, part
    assert measured["macs"] == 2 * 2 * 8 * 9 * 3 + 8 * 4
    assert measured["peak_memory_mib"] is None or measured["peak_memory_mib"] >= 0


def test_a_recipe_on_features_is_probed_by_forward_passes(make_data, plugin_file, make_spec, monkeypatch):
    monkeypatch.setattr(module, "train", lambda *_, **__: pytest.fail("it trains"))
    spec = make_spec("strided", hyperparameters={"pretrained": False})
    recipe = spec.recipe.model_copy(update={"full_name": "zoo/probe"})
    sources = {"files": (str(plugin_file),), "entry_points": False}
    data = make_data(num_train=64).model_dump(mode="json")
    measured = probe_trial(sources, spec.model_copy(update={"recipe": recipe}).model_dump(mode="json"), data)
    assert measured["image_seconds"] == measured["val_image_seconds"] > 0
    assert (measured["training_batch"], measured["inference_batch"]) == (64, 64)


def given_spec(make_spec):
    """Return the spec of a classifier with two classes that is tested as it is, and the classifier."""
    spec = make_spec("strided")
    settings = {"batch_size": 8, "test_views": "one", "pretrained": True}
    recipe = spec.recipe.model_copy(update={"full_name": "zoo/as_published", "hyperparameters": settings})
    classifier = ClassifierSpec(kind="file", source="file:a", num_classes=4, files={"a": "0" * 64})
    preparation = Preparation(size=8, mean=(0.5,) * 3, std=(0.2,) * 3)
    spec = spec.model_copy(update={"recipe": recipe, "classifier": classifier, "preparation": preparation})
    given = GivenClassifier(
        spec=classifier, architecture=spec.architecture, preparation=preparation, names=("a", "b", "c", "d")
    )
    return spec, given


def test_a_network_that_is_tested_as_it_is_is_probed_by_forward_passes(make_data, plugin_file, make_spec, monkeypatch):
    monkeypatch.setattr(module, "train", lambda *_, **__: pytest.fail("it trains"))
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))
    spec, given = given_spec(make_spec)
    sources = {"files": (str(plugin_file),), "entry_points": False}
    words = (sources, spec.model_dump(mode="json"))
    data = make_data(num_train=64)
    with monkeypatch.context() as patched:
        patched.setattr(module, "evaluated_network", lambda *_: EvaluatedNetwork(network.eval(), None, None))
        measured = probe_trial(*words, data.model_dump(mode="json"), given.model_dump(mode="json"))
    assert measured["image_seconds"] == measured["val_image_seconds"] > 0
    assert (measured["save_seconds"], measured["training_batch"]) == (0.0, 64)
    gone = given.model_copy(update={"path": str(plugin_file.parent / "gone.safetensors")})
    problem = probe_trial(*words, data.model_dump(mode="json"), gone.model_dump(mode="json"))["problem"]
    assert "gone.safetensors cannot be read" in problem


def test_a_batch_larger_than_the_data_is_cut_to_it(make_data, probe):
    assert probe(make_data(num_train=20), batch_size=512)["training_batch"] == 20


def test_an_error_in_a_plugin_is_the_probes_answer(make_data, probe):
    assert probe(make_data(), "raising") == {"problem": "building raising failed: RuntimeError: no weights"}


def test_labels_are_made_up_and_no_class_is_missing(make_data):
    images = make_data(classes=4).load("train")
    some = few(images, 6)
    assert some.labels_N.tolist() == [0, 1, 2, 3, 0, 1]
    assert len(some.samples_N) == 6
