"""The published heads, tested by ``zoo.evaluate``, name each picture as timm's own loop does on the same files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import timm
import torch
from PIL import Image
from safetensors.numpy import load_file
from sklearn.datasets import load_sample_image
from timm.data import create_transform, resolve_data_config
from zoo_efficientnet_lite.plugin import ACCURACIES
from zoo_efficientnet_lite.weights import load_weights

import zoo
from zoo.class_list import imagenet_classes

PICTURES = {
    "n02124075": ("chelsea.png",),  # Egyptian cat
    "n07920052": ("coffee.png",),  # espresso
    "n04008634": ("rocket.jpg",),  # projectile, missile
    "n03825788": ("motorcycle_left.png", "motorcycle_right.png"),  # nipple: a class that no network names here
}


def _photographs(folder: Path) -> Path:
    """Write pictures of other packages as ImageNet has them: in folders that are named by WordNet identifiers."""
    for wordnet, names in PICTURES.items():
        (folder / wordnet).mkdir(parents=True)
        for name in names:
            picture = Image.open(Path(skimage.data.__file__).parent / name).convert("RGB")
            picture.save(folder / wordnet / name.replace(".jpg", ".png"))
    (folder / "n11939491").mkdir()  # daisy
    Image.fromarray(load_sample_image("flower.jpg")).save(folder / "n11939491" / "flower.png")
    return folder


def _hymenoptera(folder: Path) -> Path:
    given = Path(os.environ.get("ZOO_DATA", "")) / "hymenoptera"
    if not (given / "val").is_dir():
        pytest.skip(f"no photographs of ants and bees here: {given}")
    for wordnet, name in (("n02219486", "ants"), ("n02206856", "bees")):
        (folder / wordnet).mkdir(parents=True)
        for split in ("train", "val"):
            for path in sorted((given / split / name).iterdir()):
                with Image.open(path) as picture:
                    if picture.format == "JPEG":
                        (folder / wordnet / f"{split}-{path.name}").symlink_to(path)
    return folder


def _of_timm(number: int, folder: Path) -> tuple[list[str], np.ndarray, list[str]]:
    """Return the classes of the folder, and for each file its logits over ImageNet's classes, and its class."""
    model = timm.create_model(f"tf_efficientnet_lite{number}").eval()
    load_weights(model, number)
    transform = create_transform(**resolve_data_config({}, model=model))
    classes = sorted(path.name for path in folder.iterdir())
    files = [path for name in classes for path in sorted((folder / name).iterdir())]
    with torch.inference_mode():
        logits = [model(transform(Image.open(path).convert("RGB"))[None])[0].numpy() for path in files]
    return classes, np.stack(logits), [path.parent.name for path in files]


def _compare(number: int, folder: Path, store: Path) -> tuple[float, float]:
    """Assert that both loops name each picture alike; return the accuracies over the subset and over all classes."""
    classes, logits_NK, names = _of_timm(number, folder)
    ids = list(imagenet_classes().ids)
    columns = [ids.index(name) for name in classes]
    labels_N = np.array([classes.index(name) for name in names])
    accuracies = []
    for argmax in ("subset", "all"):
        result = zoo.evaluate(
            f"lite/efficientnet_lite{number}",
            f"folder:{folder}",
            argmax=argmax,
            out=store / argmax,
            device="cpu",
            measure_seconds=0,
            show="nothing",
        )
        (record,) = result.records
        assert record.outcome == "done", record.reason
        if argmax == "subset":
            correct_N = logits_NK[:, columns].argmax(axis=1) == labels_N
        else:
            correct_N = logits_NK.argmax(axis=1) == np.array(columns)[labels_N]
        assert record.metrics["accuracy"].value == pytest.approx(correct_N.mean(), abs=1e-12)
        saved = load_file(store / argmax / record.trial_id / "predictions.safetensors")
        assert int((saved["logits"].argmax(axis=1) == saved["labels"]).sum()) == int(correct_N.sum())
        accuracies.append(float(correct_N.mean()))
    return accuracies[0], accuracies[1]


def test_pictures_of_other_packages_are_named_as_by_timm(tmp_path: Path) -> None:
    subset, every = _compare(0, _photographs(tmp_path / "pictures"), tmp_path)
    assert subset >= every > 0


@pytest.mark.parametrize("number", [0, 1, 2])
def test_ants_and_bees_are_named_as_by_timm(number: int, tmp_path: Path) -> None:
    subset, every = _compare(number, _hymenoptera(tmp_path / "insects"), tmp_path)
    assert subset >= every > 0.5


def test_the_published_accuracies_are_stated_with_their_source() -> None:
    for number, accuracy in ACCURACIES.items():
        record = zoo.build_catalog().architectures.get(f"lite/efficientnet_lite{number}").record
        assert record.head is not None
        (figure,) = record.head(record.options).figures
        assert (figure.value, figure.dataset) == (accuracy, "ImageNet-1K")
        assert figure.source.startswith("https://")
