"""File layouts: readers of published datasets in their original folders of image files.

Each reader takes the folder that torchvision calls ``root`` and returns the official splits. No reader needs
torchvision, which takes seconds to import. Missing lists raise ``FileNotFoundError``.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plugins.datasets._files import lines_of
from plugins.datasets._matlab import variables_of
from plugins.datasets.published.class_names import FLOWERS, TRAFFIC_SIGNS
from zoo import Split, Splits
from zoo.errors import DataError
from zoo.files.image_files import walk_images
from zoo.files.plain_files import LIST, read_bytes, read_text
from zoo.options import Option

Samples = Sequence[tuple[Path, int]]
"""Image files with their labels."""


def _of_paths(root: Path, samples: Samples, groups: Sequence[str] | None = None) -> Split:
    import numpy as np

    for path, _ in samples:
        if ".." in path.parts or not path.is_relative_to(root):
            raise DataError(f"{root} has a list with the image {str(path)!r}, which leads out of the dataset's folder")
    return Split(
        encoded=[path for path, _ in samples],
        labels=np.array([label for _, label in samples], dtype=np.int64),
        ids=[path.relative_to(root).as_posix() for path, _ in samples],
        groups=groups,
    )


def _by_folder(folder: Path) -> tuple[list[str], list[tuple[Path, int]]]:
    """Return the names of the class folders, and all images in them."""
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return classes, [(path, k) for k, name in enumerate(classes) for path in walk_images(folder / name)]


def read_eurosat(root: Path, options: dict[str, Option]) -> Splits:
    """Read EuroSAT's RGB images. There is no official split, so a test split is taken from train."""
    classes, samples = _by_folder(root / "eurosat" / "2750")
    return Splits(classes=tuple(classes), train=_of_paths(root, samples))


def read_gtsrb(root: Path, options: dict[str, Option]) -> Splits:
    """Read GTSRB. Its training images are frames of tracks; those of a track show the same sign and stay together."""
    folder = root / "gtsrb"
    _, train = _by_folder(folder / "GTSRB" / "Training")
    images = folder / "GTSRB" / "Final_Test" / "Images"
    rows = csv.DictReader(io.StringIO(read_text(folder / "GT-final_test.csv", LIST), newline=""), delimiter=";")
    test = [(images / row["Filename"], int(row["ClassId"])) for row in rows]
    tracks = [f"{label}/{path.name.partition('_')[0]}" for path, label in train]
    return Splits(classes=TRAFFIC_SIGNS, train=_of_paths(root, train, tracks), test=_of_paths(root, test))


def read_flowers102(root: Path, options: dict[str, Option]) -> Splits:
    """Read Oxford Flowers 102, with 10 training and 10 validation images per class."""
    folder = root / "flowers-102"
    about, numbers = variables_of(folder / "imagelabels.mat", folder / "setid.mat", squeeze=True)
    labels = about["labels"]

    def split(key: str) -> Split:
        chosen = sorted(int(number) for number in numbers[key])
        if chosen and not 1 <= chosen[0] <= chosen[-1] <= len(labels):
            raise DataError(f"{folder / 'setid.mat'} numbers images {chosen[0]} to {chosen[-1]}, of {len(labels):,}")
        return _of_paths(root, [(folder / "jpg" / f"image_{n:05d}.jpg", int(labels[n - 1]) - 1) for n in chosen])

    return Splits(classes=FLOWERS, train=split("trnid"), val=split("valid"), test=split("tstid"))


def read_oxford_iiit_pet(root: Path, options: dict[str, Option]) -> Splits:
    """Read Oxford-IIIT Pet, with 37 breeds."""
    folder = root / "oxford-iiit-pet"
    names: dict[int, str] = {}

    def split(name: str) -> Split:
        samples = []
        for line in lines_of(folder / "annotations" / f"{name}.txt"):
            image, label, *_ = line.split()
            names[int(label) - 1] = image.rpartition("_")[0]
            samples.append((folder / "images" / f"{image}.jpg", int(label) - 1))
        return _of_paths(root, samples)

    train, test = split("trainval"), split("test")
    return Splits(classes=tuple(names[k] for k in range(len(names))), train=train, test=test)


def read_food101(root: Path, options: dict[str, Option]) -> Splits:
    """Read Food-101."""
    folder = root / "food-101"
    lists = {name: json.loads(read_bytes(folder / "meta" / f"{name}.json", LIST)) for name in ("train", "test")}
    classes = sorted(lists["train"])

    def split(name: str) -> Split:
        images = [(image, k) for k, label in enumerate(classes) for image in lists[name][label]]
        return _of_paths(root, [(folder / "images" / f"{image}.jpg", k) for image, k in images])

    return Splits(classes=tuple(classes), train=split("train"), test=split("test"))


def read_dtd(root: Path, options: dict[str, Option]) -> Splits:
    """Read one of the ten partitions of Describable Textures."""
    folder = root / "dtd" / "dtd"
    partition = options["partition"]
    lists = {name: lines_of(folder / "labels" / f"{name}{partition}.txt") for name in ("train", "val", "test")}
    classes = sorted({line.partition("/")[0] for line in lists["train"]})

    def split(name: str) -> Split:
        samples = [(folder / "images" / line, classes.index(line.partition("/")[0])) for line in lists[name]]
        return _of_paths(root, samples)

    return Splits(classes=tuple(classes), train=split("train"), val=split("val"), test=split("test"))


def read_fgvc_aircraft(root: Path, options: dict[str, Option]) -> Splits:
    """Read FGVC-Aircraft, by variant, family or manufacturer."""
    folder = root / "fgvc-aircraft-2013b" / "data"
    level = str(options["level"])
    plural = {"variant": "variants", "family": "families", "manufacturer": "manufacturers"}[level]
    classes = lines_of(folder / f"{plural}.txt")

    def split(name: str) -> Split:
        samples = []
        for line in lines_of(folder / f"images_{level}_{name}.txt"):
            image, _, label = line.partition(" ")
            samples.append((folder / "images" / f"{image}.jpg", classes.index(label)))
        return _of_paths(root, samples)

    return Splits(classes=tuple(classes), train=split("train"), val=split("val"), test=split("test"))


def read_stanford_cars(root: Path, options: dict[str, Option]) -> Splits:
    """Read Stanford Cars."""
    folder = root / "stanford_cars"
    about, train, test = variables_of(
        folder / "devkit" / "cars_meta.mat",
        folder / "devkit" / "cars_train_annos.mat",
        folder / "cars_test_annos_withlabels.mat",
        squeeze=True,
    )

    def split(name: str, rows: dict[str, Any]) -> Split:
        pairs = zip(rows["fname"].tolist(), rows["class"].tolist(), strict=True)
        return _of_paths(root, [(folder / f"cars_{name}" / str(image), int(label) - 1) for image, label in pairs])

    return Splits(
        classes=tuple(str(name) for name in about["class_names"]),
        train=split("train", train["annotations"]),
        test=split("test", test["annotations"]),
    )


def read_imagenet(root: Path, options: dict[str, Option]) -> Splits:
    """Read ImageNet-1k from ``train/WNID`` and ``val/WNID``. As is usual, its validation images are the test split,
    because the labels of its test images are not public. Class names come from ``LOC_synset_mapping.txt`` if it exists.
    """
    folder = root / "imagenet"
    classes, train = _by_folder(folder / "train")
    test_classes, test = _by_folder(folder / "val")
    if classes != test_classes:
        raise DataError(
            f"{folder / 'val'} must hold the same {len(classes):,} class folders as train; it has {len(test_classes):,}"
        )
    mapping = folder / "LOC_synset_mapping.txt"
    if mapping.is_file():
        names = dict(line.split(" ", 1) for line in lines_of(mapping))
        classes = [f"{wnid} {names[wnid]}" if wnid in names else wnid for wnid in classes]
    return Splits(classes=tuple(classes), train=_of_paths(root, train), test=_of_paths(root, test))
