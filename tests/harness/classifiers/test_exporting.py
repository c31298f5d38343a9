"""Exporting: the file says what the original says, for any number of images, or there is no file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from harness.classifiers.card import METADATA_KEY, ClassifierCard
from harness.classifiers.exporting import ParityError, compare, export_classifier
from harness.classifiers.formats import FORMATS, Run
from harness.classifiers.images import cached_test_images
from harness.classifiers.trained import TrainedClassifier, load_trained
from zoo import Catalog
from zoo.errors import UsageError, ZooError
from zoo.files.cache import decoded_root


@pytest.fixture(scope="module")
def trial(train_trial: Callable[..., Path], catalog: Catalog) -> Path:
    return train_trial(catalog)


@pytest.fixture
def classifier(trial: Path, catalog: Catalog) -> TrainedClassifier:
    return load_trained(trial, catalog)


@pytest.fixture
def images(classifier: TrainedClassifier) -> NDArray[np.uint8]:
    found = cached_test_images(classifier.card, decoded_root(), 20)
    assert found is not None
    return found


@pytest.mark.parametrize("form", ["safetensors", "torch-export", "onnx"])
def test_the_exported_network_gives_the_outputs_of_the_original(
    form: str, classifier: TrainedClassifier, images: NDArray[np.uint8], catalog: Catalog, tmp_path: Path
) -> None:
    if form == "onnx":
        pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    path = tmp_path / f"out{FORMATS[form].suffix}"
    parity = export_classifier(classifier, form, path, images_NHWC=images, catalog=catalog, tolerance=1e-5)
    assert (parity.images, parity.top1_agreement) == (20, 1.0)
    described = json.loads((tmp_path / f"{path.name}.json").read_bytes())
    assert ClassifierCard.model_validate(described["classifier"]) == classifier.card
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name, f"{path.name}.json"]
    run = FORMATS[form].open(path, catalog)
    assert [tuple(run(torch.zeros(count, 3, 16, 16)).shape) for count in (1, 5)] == [(1, 3), (5, 3)]


def test_exported_safetensors_are_a_classifier_like_the_trial(
    classifier: TrainedClassifier, images: NDArray[np.uint8], catalog: Catalog, tmp_path: Path
) -> None:
    path = tmp_path / "net.safetensors"
    export_classifier(classifier, "safetensors", path, images_NHWC=images, catalog=catalog, tolerance=0)
    again = load_trained(path, catalog)
    assert again.card == classifier.card
    ours, theirs = again.model.state_dict(), classifier.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_card_lies_in_the_metadata_of_an_exported_program(
    classifier: TrainedClassifier, images: NDArray[np.uint8], catalog: Catalog, tmp_path: Path
) -> None:
    path = tmp_path / "net.pt2"
    export_classifier(classifier, "torch-export", path, images_NHWC=images, catalog=catalog, tolerance=1e-5)
    extra = {f"{METADATA_KEY}.json": ""}
    torch.export.load(path, extra_files=extra)
    assert ClassifierCard.parse(extra[f"{METADATA_KEY}.json"], origin="it") == classifier.card


def test_a_recipes_own_predictions_are_part_of_the_program(
    train_trial: Callable[..., Path], catalog: Catalog, tmp_path: Path
) -> None:
    asked = {"models": ["speedrun_cnn"], "recipes": ["speedrun"], "set": {"data.image_size": 32}}
    classifier = load_trained(train_trial(catalog, **asked), catalog)
    images = cached_test_images(classifier.card, decoded_root(), 6)
    assert images is not None
    assert classifier.predict is not None
    path = tmp_path / "net.pt2"
    parity = export_classifier(classifier, "torch-export", path, images_NHWC=images, catalog=catalog, tolerance=1e-4)
    assert parity.top1_agreement == 1.0


@pytest.mark.parametrize("shift", [0.01, float("nan")])
def test_an_export_with_other_outputs_is_not_kept(
    shift: float,
    classifier: TrainedClassifier,
    images: NDArray[np.uint8],
    catalog: Catalog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    how = FORMATS["safetensors"]

    def open_shifted(path: Path, catalog: Catalog) -> Run:
        run = how.open(path, catalog)
        return lambda images_BCHW: run(images_BCHW) + shift

    monkeypatch.setitem(FORMATS, "safetensors", replace(how, open=open_shifted))
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"an earlier one")
    with pytest.raises(ParityError, match=r"more than the tolerance of 0\.001"):
        export_classifier(classifier, "safetensors", path, images_NHWC=images, catalog=catalog, tolerance=1e-3)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"an earlier one"]


def test_another_networks_answers_are_seen(classifier: TrainedClassifier, images: NDArray[np.uint8]) -> None:
    parity = compare(classifier, lambda images_BCHW: -classifier.model(images_BCHW), images)
    assert parity.max_difference > 0.01
    assert parity.top1_agreement == 0


def test_a_network_that_cannot_be_exported_is_one_sentence(
    classifier: TrainedClassifier, images: NDArray[np.uint8], catalog: Catalog, tmp_path: Path
) -> None:
    class Branching(torch.nn.Module):
        def forward(self, images_BCHW: torch.Tensor) -> torch.Tensor:
            if images_BCHW.sum() > 0:
                return images_BCHW.flatten(1)[:, :3]
            return -images_BCHW.flatten(1)[:, :3]

    with pytest.raises(ZooError, match="cannot be exported as torch-export"):
        export_classifier(
            replace(classifier, model=Branching()),
            "torch-export",
            tmp_path / "net.pt2",
            images_NHWC=images,
            catalog=catalog,
            tolerance=1,
        )
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_says_another_format_is_refused(
    classifier: TrainedClassifier, images: NDArray[np.uint8], catalog: Catalog, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"must end in \.onnx"):
        export_classifier(classifier, "onnx", tmp_path / "x.pt", images_NHWC=images, catalog=catalog, tolerance=1)
