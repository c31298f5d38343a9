"""ONNX classifiers: an exported file is a classifier with its card, on the CPU, as it was exported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from harness.classifiers.formats import FORMATS
from harness.classifiers.onnx import load_onnx, load_predicting
from harness.classifiers.trained import TrainedClassifier, load_trained
from zoo import Catalog
from zoo.errors import StoreError, UsageError


@pytest.fixture(scope="module")
def trial(train_trial: Callable[..., Path], catalog: Catalog) -> Path:
    return train_trial(catalog)


@pytest.fixture
def classifier(trial: Path, catalog: Catalog) -> TrainedClassifier:
    return load_trained(trial, catalog)


@pytest.fixture
def exported(classifier: TrainedClassifier, tmp_path: Path) -> Path:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    path = tmp_path / "net.onnx"
    FORMATS["onnx"].write(classifier, path)
    return path


def test_an_exported_file_is_a_classifier_with_its_card(
    exported: Path, classifier: TrainedClassifier, catalog: Catalog
) -> None:
    loaded, device = load_predicting(exported, catalog)
    assert (loaded.card.classes, loaded.card.mean, device) == (classifier.card.classes, classifier.card.mean, "cpu")
    assert (loaded.card.precision, loaded.card.layout, loaded.notes) == ("fp32", "contiguous", ())
    images_BCHW = torch.randn(2, 3, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(loaded.model(images_BCHW), classifier.model(images_BCHW), rtol=1e-4, atol=1e-5)


def test_another_device_or_precision_is_refused(catalog: Catalog) -> None:
    for settings, words in (({"device": "cuda"}, "run on the CPU only"), ({"precision": "bf16"}, "fixed when it is")):
        with pytest.raises(UsageError, match=words):
            load_predicting(Path("net.onnx"), catalog, **settings)


def test_other_files_are_not_classifiers(exported: Path, tmp_path: Path) -> None:
    import onnx

    with pytest.raises(StoreError, match="there is nothing at"):
        load_onnx(tmp_path / "none.onnx")
    model = onnx.load(exported)
    del model.metadata_props[:]
    onnx.save(model, exported)
    with pytest.raises(StoreError, match="has no classifier card"):
        load_onnx(exported)
