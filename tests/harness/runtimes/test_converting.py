"""Converting: every runtime gets a module with the logits of the classifier."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.classifiers.quantizing import Calibration
from harness.classifiers.trained import TrainedClassifier, load_trained
from harness.runtimes.converting import convert
from zoo import Catalog


@pytest.fixture(scope="module")
def trial(train_trial: Callable[..., Path], catalog: Catalog) -> Path:
    return train_trial(catalog)


@pytest.fixture
def classifier(trial: Path, catalog: Catalog) -> TrainedClassifier:
    return load_trained(trial, catalog)


def calibration() -> Calibration:
    images_NHWC = np.random.default_rng(5).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    return Calibration(images_NHWC=images_NHWC, origin="8 random images")


@pytest.mark.parametrize("runtime", ["eager", "torchscript", "onnx", "int8"])
def test_a_converted_network_gives_the_logits_of_the_classifier(
    runtime: Any, classifier: TrainedClassifier, catalog: Catalog
) -> None:
    if runtime in ("onnx", "int8"):
        pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    images_BCHW = next(iter(calibration().batches(classifier.card)))
    with torch.inference_mode():
        expected_BK = classifier.model(torch.from_numpy(images_BCHW))
        entry = catalog.runtimes.get(runtime)
        converted = convert(classifier, entry, device=torch.device("cpu"), threads=1, calibration=calibration)
        found_BK = converted.module(torch.from_numpy(images_BCHW))
    tolerance = 0.5 if runtime == "int8" else 1e-4
    torch.testing.assert_close(found_BK, expected_BK, rtol=tolerance, atol=tolerance)
    assert (converted.quantization is not None) == (runtime == "int8")
    assert converted.file_bytes > 0
    assert converted.settings.precision == "fp32"
    assert converted.settings.normalization.mean == classifier.card.mean


def test_images_are_for_int8_only(classifier: TrainedClassifier, catalog: Catalog) -> None:
    def never() -> Calibration:
        pytest.fail("no calibration is needed")

    eager = catalog.runtimes.get("eager")
    assert not convert(classifier, eager, device=torch.device("cpu"), threads=None, calibration=never).compiles
