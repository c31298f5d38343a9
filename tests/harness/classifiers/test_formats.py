"""Export formats: each file maps batches of any size to the logits of the classifier."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from harness.batches.normalization import Normalizer
from harness.classifiers.formats import FORMATS, LogitsModule
from harness.classifiers.trained import TrainedClassifier, load_trained
from zoo import Catalog
from zoo.errors import UsageError


@pytest.fixture(scope="module")
def trial(train_trial: Callable[..., Path], catalog: Catalog) -> Path:
    return train_trial(catalog)


@pytest.fixture
def classifier(trial: Path, catalog: Catalog) -> TrainedClassifier:
    return load_trained(trial, catalog)


@pytest.mark.parametrize("name", FORMATS)
def test_a_written_file_gives_the_logits_of_the_classifier(
    name: str, classifier: TrainedClassifier, catalog: Catalog, tmp_path: Path
) -> None:
    if name == "onnx":
        pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    if name == "coreml":
        pytest.importorskip("coremltools", reason="the extra coreml is not installed")
    path = tmp_path / f"net{FORMATS[name].suffix}"
    FORMATS[name].write(classifier, path)
    run = FORMATS[name].open(path, catalog)
    normalize = Normalizer(classifier.card, torch.device("cpu"))
    for count in (1, 3):
        images_BCHW = normalize(torch.randint(0, 256, (count, 3, 16, 16), dtype=torch.uint8))
        with torch.inference_mode():
            expected_BK = LogitsModule(classifier).eval()(images_BCHW)
            torch.testing.assert_close(run(images_BCHW), expected_BK, rtol=1e-4, atol=1e-5)


def test_tied_weights_can_be_written(classifier: TrainedClassifier, catalog: Catalog, tmp_path: Path) -> None:
    """Safetensors refuses tensors that share memory."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Linear(2, 2)
            self.other = self.one

    from dataclasses import replace

    FORMATS["safetensors"].write(replace(classifier, model=Tied()), tmp_path / "tied.safetensors")
    assert (tmp_path / "tied.safetensors").stat().st_size > 0


def test_without_the_onnx_packages_the_error_names_the_extra(
    classifier: TrainedClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"^ONNX needs onnx, onnxscript, onnxruntime: pip install 'zoobench\[onnx\]'$"):
        FORMATS["onnx"].write(classifier, tmp_path / "net.onnx")
