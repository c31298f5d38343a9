"""Core ML: a package takes pixels, holds the classifier, and its program is that of the network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from harness.classifiers.card import METADATA_KEY, ClassifierCard
from harness.classifiers.coreml import INPUT, LABEL, open_coreml
from harness.classifiers.exporting import ParityError, compare, export_classifier
from harness.classifiers.formats import FORMATS
from harness.classifiers.images import cached_test_images
from harness.classifiers.mil import Program
from harness.classifiers.trained import TrainedClassifier, load_trained
from harness.system.file_trees import digest_of_tree
from zoo import Catalog
from zoo.errors import StoreError, UsageError
from zoo.files.cache import decoded_root


@pytest.fixture(scope="module")
def classifier(train_trial: Callable[..., Path], catalog: Catalog) -> TrainedClassifier:
    return load_trained(train_trial(catalog), catalog)


@pytest.fixture(scope="module")
def package(classifier: TrainedClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("coremltools", reason="the extra coreml is not installed")
    path = tmp_path_factory.mktemp("coreml") / "net.mlpackage"
    FORMATS["coreml"].write(classifier, path)
    return path


@pytest.fixture
def images(classifier: TrainedClassifier) -> NDArray[np.uint8]:
    found = cached_test_images(classifier.card, decoded_root(), 20)
    assert found is not None
    return found


def test_without_coremltools_the_error_names_the_extra(
    classifier: TrainedClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"^Core ML needs coremltools: pip install 'zoobench\[coreml\]'$"):
        FORMATS["coreml"].write(classifier, tmp_path / "net.mlpackage")


def test_a_package_takes_an_image_and_names_its_classes(package: Path, classifier: TrainedClassifier) -> None:
    import coremltools

    described = coremltools.models.utils.load_spec(str(package)).description
    (image,) = described.input
    kind = image.type.imageType
    assert (image.name, kind.width, kind.height) == (INPUT, 16, 16)
    assert kind.colorSpace == kind.ColorSpace.Value("RGB")
    assert described.predictedFeatureName == LABEL
    card = described.metadata.userDefined[METADATA_KEY]
    assert ClassifierCard.parse(card, origin="it") == classifier.card


def test_an_export_is_kept_with_its_description_and_replaces_an_earlier_one(
    package: Path, classifier: TrainedClassifier, images: NDArray[np.uint8], catalog: Catalog, tmp_path: Path
) -> None:
    path = tmp_path / "net.mlpackage"
    path.mkdir()
    (path / "of an earlier one").touch()
    parity = export_classifier(classifier, "coreml", path, images_NHWC=images, catalog=catalog, tolerance=1e-5)
    assert (parity.images, parity.top1_agreement) == (20, 1.0)
    described = json.loads((tmp_path / "net.mlpackage.json").read_bytes())
    assert described["input"]["shape"] == [1, 3, 16, 16]
    assert described["output"] == {"name": LABEL, "dtype": "string", "probabilities": 3}
    assert described["sha256"] == digest_of_tree(path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["net.mlpackage", "net.mlpackage.json"]
    assert not (path / "of an earlier one").exists()


def test_a_package_with_other_weights_is_seen(
    package: Path, classifier: TrainedClassifier, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    changed = Path(shutil.copytree(package, tmp_path / "net.mlpackage"))
    weights = changed / "Data" / "com.apple.CoreML" / "weights" / "weight.bin"
    content = np.fromfile(weights, dtype=np.float32)
    # The first values of the file are headers, which say where each weight lies.
    large = np.flatnonzero((np.abs(content) > 1e-3) & (np.abs(content) < 10))
    content[large[len(large) // 2 :]] *= 2
    content.tofile(weights)
    assert compare(classifier, open_coreml(package), images).relative_difference < 1e-5
    assert compare(classifier, open_coreml(changed), images).relative_difference > 1e-3


def test_one_that_differs_is_not_kept(
    package: Path,
    classifier: TrainedClassifier,
    images: NDArray[np.uint8],
    catalog: Catalog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logits = Program.logits
    monkeypatch.setattr(Program, "logits", lambda self, pixels_BCHW: logits(self, pixels_BCHW) + 0.01)
    with pytest.raises(ParityError, match="was discarded"):
        export_classifier(
            classifier, "coreml", tmp_path / "n.mlpackage", images_NHWC=images, catalog=catalog, tolerance=1e-4
        )
    assert list(tmp_path.iterdir()) == []


def test_a_package_without_a_card_is_refused(package: Path, tmp_path: Path) -> None:
    import coremltools

    spec = coremltools.models.utils.load_spec(str(package))
    spec.description.metadata.userDefined.clear()
    weights = package / "Data" / "com.apple.CoreML" / "weights"
    coremltools.models.utils.save_spec(spec, str(tmp_path / "bare.mlpackage"), weights_dir=str(weights))
    with pytest.raises(StoreError, match="has no classifier card in its metadata"):
        open_coreml(tmp_path / "bare.mlpackage")


def test_grey_images_are_taken_as_grey(classifier: TrainedClassifier, tmp_path: Path) -> None:
    coremltools = pytest.importorskip("coremltools", reason="the extra coreml is not installed")
    from harness.classifiers.coreml import write_coreml

    card = classifier.card.model_copy(update={"channels": 1, "mean": (0.3,), "std": (0.2,)})
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 3)).eval()
    write_coreml(net, card, tmp_path / "grey.mlpackage")
    (image,) = coremltools.models.utils.load_spec(str(tmp_path / "grey.mlpackage")).description.input
    assert image.type.imageType.colorSpace == image.type.imageType.ColorSpace.Value("GRAYSCALE")
    pixels_BCHW = torch.arange(256.0).reshape(1, 1, 16, 16)
    images_BCHW = (pixels_BCHW / 255 - 0.3) / 0.2
    with torch.inference_mode():
        expected_BK = net(images_BCHW)
    torch.testing.assert_close(open_coreml(tmp_path / "grey.mlpackage")(images_BCHW), expected_BK, rtol=1e-5, atol=1e-5)
