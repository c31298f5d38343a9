"""Quantising: a file of whole numbers is smaller and names the same classes, or there is no file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from harness.classifiers.exporting import Exported, ParityError, export_quantized
from harness.classifiers.formats import FORMATS, Run
from harness.classifiers.images import cached_test_images, cached_training_images
from harness.classifiers.quantizing import METADATA_KEY, Calibration, Method, Quantization
from harness.classifiers.trained import TrainedClassifier, load_trained
from zoo import Catalog
from zoo.errors import UsageError
from zoo.files.cache import decoded_root

Export = Callable[..., Exported]


@pytest.fixture(scope="module")
def classifier(train_trial: Callable[..., Path], catalog: Catalog) -> TrainedClassifier:
    return load_trained(train_trial(catalog), catalog)


@pytest.fixture
def images(classifier: TrainedClassifier) -> NDArray[np.uint8]:
    found = cached_test_images(classifier.card, decoded_root(), 27)
    assert found is not None
    return found


@pytest.fixture
def calibration(classifier: TrainedClassifier) -> Calibration:
    found = cached_training_images(classifier.card, decoded_root(), 40)
    assert found is not None
    return Calibration(images_NHWC=found, origin="some", fingerprint=classifier.card.fingerprint)


@pytest.fixture
def export(
    classifier: TrainedClassifier, images: NDArray[np.uint8], calibration: Calibration, catalog: Catalog
) -> Export:
    def run(form: str, method: Method, path: Path, min_agreement: float = 0.9) -> Exported:
        return export_quantized(
            classifier,
            form,
            path,
            method=method,
            calibration=calibration if method == "static" else None,
            images_NHWC=images,
            catalog=catalog,
            min_agreement=min_agreement,
        )

    return run


@pytest.fixture
def with_fake(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Run], Run]], None]:
    """Has safetensors be 'quantised' by leaving them as they are, and read again with other answers."""

    def patch(distort: Callable[[Run], Run]) -> None:
        how = FORMATS["safetensors"]

        def quantize(classifier: TrainedClassifier, path: Path, calibration: Calibration | None) -> Quantization:
            return Quantization(method="dynamic", weights="as they were", activations="as they were", tool="none 1.0")

        fake = replace(how, open=lambda path, catalog: distort(how.open(path, catalog)), quantize={"dynamic": quantize})
        monkeypatch.setitem(FORMATS, "safetensors", fake)

    return patch


@pytest.mark.parametrize("method", ["dynamic", "static"])
def test_onnx_of_whole_numbers_is_smaller_and_names_the_same_classes(
    method: Method, export: Export, catalog: Catalog, classifier: TrainedClassifier, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    import onnx

    path = tmp_path / "net.onnx"
    exported = export("onnx", method, path)
    assert exported.num_bytes == path.stat().st_size < 0.5 * exported.num_bytes_float
    assert exported.parity.top1_agreement >= 0.9
    assert exported.parity.max_difference > 0  # else nothing was rounded
    described = json.loads((tmp_path / "net.onnx.json").read_bytes())
    assert described["quantization"]["method"] == method
    assert described["num_bytes_float"] == exported.num_bytes_float
    metadata = {each.key: each.value for each in onnx.load(path).metadata_props}
    assert Quantization.model_validate_json(metadata[METADATA_KEY]) == exported.quantization
    assert "zoo" in metadata
    calibrated = exported.quantization
    known = (calibrated.calibration_images, calibrated.calibration_fingerprint)
    assert known == ((40, classifier.card.fingerprint) if method == "static" else (0, ""))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["net.onnx", "net.onnx.json"]
    run = FORMATS["onnx"].open(path, catalog)
    assert [tuple(run(torch.zeros(count, 3, 16, 16)).shape) for count in (1, 5)] == [(1, 3), (5, 3)]


def test_ranges_are_found_on_training_images(classifier: TrainedClassifier, calibration: Calibration) -> None:
    test = cached_test_images(classifier.card, decoded_root(), 10_000)
    assert test is not None
    seen = {image.tobytes() for image in test}
    assert not any(image.tobytes() in seen for image in calibration.images_NHWC)
    (batch_BCHW, *_) = calibration.batches(classifier.card)
    assert batch_BCHW.shape == (32, 3, 16, 16)
    assert sum(len(each) for each in calibration.batches(classifier.card)) == 40
    assert abs(float(batch_BCHW.mean())) < 0.5  # normalised as the network was trained


def test_a_file_that_agrees_is_kept_whatever_its_logits(
    with_fake: Callable[..., None], export: Export, tmp_path: Path
) -> None:
    with_fake(lambda run: lambda images_BCHW: 3 * run(images_BCHW))
    exported = export("safetensors", "dynamic", tmp_path / "net.safetensors", min_agreement=1.0)
    assert exported.parity.top1_agreement == 1
    assert exported.parity.max_difference > 0


@pytest.mark.parametrize("factor", [-1.0, float("nan")])
def test_a_file_that_names_other_classes_is_not_kept(
    factor: float, with_fake: Callable[..., None], export: Export, tmp_path: Path
) -> None:
    with_fake(lambda run: lambda images_BCHW: factor * run(images_BCHW))
    with pytest.raises(ParityError, match=r"was discarded: .* less than 95 %"):
        export("safetensors", "dynamic", tmp_path / "net.safetensors", min_agreement=0.95)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("form", "method"), [("safetensors", "static"), ("torch-export", "dynamic")])
def test_a_network_that_cannot_be_quantised_gives_one_sentence(
    form: str, method: Method, export: Export, tmp_path: Path
) -> None:
    with pytest.raises(
        UsageError, match=f"--quantize {method} is not supported for {form}; onnx supports dynamic and static"
    ):
        export(form, method, tmp_path / f"net{FORMATS[form].suffix}")
    assert list(tmp_path.iterdir()) == []
