"""Writes small datasets of noise in the layouts in which torchvision's datasets are published."""

from __future__ import annotations

import csv
import itertools
import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from zoo import Split, Splits

Load = Callable[..., Splits]


Photo = Callable[..., Path]


RNG = np.random.default_rng(0)


def noise(*shape: int) -> Any:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def write_cifar10(root: Path) -> None:
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        with (folder / name).open("wb") as file:
            pickle.dump({"data": noise(10, 3072), "labels": list(range(10))}, file, protocol=2)
    with (folder / "batches.meta").open("wb") as file:
        pickle.dump({"label_names": [f"kind {k}" for k in range(10)]}, file, protocol=2)


def write_cifar100(root: Path) -> None:
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    for name in ("train", "test"):
        with (folder / name).open("wb") as file:
            labels = [*range(100), *range(100)]
            content = {"data": noise(200, 3072), "fine_labels": labels, "coarse_labels": labels}
            pickle.dump(content, file, protocol=2)
    with (folder / "meta").open("wb") as file:
        pickle.dump({"fine_label_names": [f"kind {k}" for k in range(100)]}, file, protocol=2)


def write_idx(path: Path, values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(header + values.tobytes())


def write_mnist(
    root: Path,
    folder: str = "MNIST",
    prefixes: tuple[str, str] = ("train", "t10k"),
    first: int = 0,
    num_classes: int = 10,
) -> None:
    for prefix, count in zip(prefixes, (2 * num_classes, 3), strict=True):
        write_idx(root / folder / "raw" / f"{prefix}-images-idx3-ubyte", noise(count, 28, 28))
        labels = (np.arange(count) % num_classes + first).astype(np.uint8)
        write_idx(root / folder / "raw" / f"{prefix}-labels-idx1-ubyte", labels)


def write_svhn(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name in ("train", "test"):
        labels = np.array([10, 1, 2, 3, 4, 5, 6, 7, 8, 9] * 2)
        savemat(root / f"{name}_32x32.mat", {"X": noise(32, 32, 3, 20), "y": labels[:, None]})


def write_stl10(root: Path) -> None:
    folder = root / "stl10_binary"
    folder.mkdir(parents=True)
    for name in ("train", "test"):
        noise(20, 3, 96, 96).tofile(folder / f"{name}_X.bin")
        np.array([*range(1, 11)] * 2, dtype=np.uint8).tofile(folder / f"{name}_y.bin")
    (folder / "class_names.txt").write_text("\n".join(f"kind {k}" for k in range(10)) + "\n")


def write_eurosat(root: Path, photo: Photo) -> None:
    for k in range(10):
        for i in range(1, 5):
            photo(root / "eurosat" / "2750" / f"Kind{k}" / f"Kind{k}_{i}.jpg", 10 * k + i)


def write_gtsrb(root: Path, photo: Photo) -> None:
    folder = root / "gtsrb"
    for k in range(43):
        for track in range(2):
            for frame in range(2):
                path = folder / "GTSRB" / "Training" / f"{k:05d}" / f"{track:05d}_{frame:05d}.ppm"
                photo(path, 4 * k + 2 * track + frame)
    rows = [{"Filename": f"{i:05d}.ppm", "ClassId": 2 - i} for i in range(3)]
    for i, row in enumerate(rows):
        photo(folder / "GTSRB" / "Final_Test" / "Images" / str(row["Filename"]), 1000 + i)
    with (folder / "GT-final_test.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["Filename", "ClassId"], delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def write_flowers102(root: Path, photo: Photo) -> None:
    folder = root / "flowers-102"
    for i in range(1, 107):
        photo(folder / "jpg" / f"image_{i:05d}.jpg", i)
    savemat(folder / "imagelabels.mat", {"labels": np.array([[*range(102, 0, -1), 4, 5, 6, 102]])})
    savemat(folder / "setid.mat", {"trnid": [range(1, 103)], "valid": [[103, 104]], "tstid": [[105, 106]]})


def write_oxford_iiit_pet(root: Path, photo: Photo) -> None:
    folder = root / "oxford-iiit-pet"
    (folder / "annotations").mkdir(parents=True)
    for name in ("trainval", "test"):
        lines = []
        for n in range(74):
            image = f"Breed_{n % 37}_{name}{n}"
            photo(folder / "images" / f"{image}.jpg", n + 100 * (name == "test"))
            lines.append(f"{image} {n % 37 + 1} 1 1")
        (folder / "annotations" / f"{name}.txt").write_text("\n".join(lines) + "\n")


def write_food101(root: Path, photo: Photo) -> None:
    folder = root / "food-101"
    (folder / "meta").mkdir(parents=True)
    for name in ("train", "test"):
        images = {f"dish_{k:03d}": [f"dish_{k:03d}/{name}{i}" for i in range(2)] for k in reversed(range(101))}
        for n, path in enumerate(itertools.chain(*images.values())):
            photo(folder / "images" / f"{path}.jpg", n + 1000 * (name == "test"))
        (folder / "meta" / f"{name}.json").write_text(json.dumps(images))


def write_dtd(root: Path, photo: Photo) -> None:
    folder = root / "dtd" / "dtd"
    (folder / "labels").mkdir(parents=True)
    for part, name in enumerate(("train", "val", "test")):
        lines = [f"kind{k:02d}/{name}{k}.jpg" for k in range(47)]
        for k, line in enumerate(lines):
            photo(folder / "images" / line, 100 * part + k)
        (folder / "labels" / f"{name}1.txt").write_text("\n".join(lines) + "\n")


def write_fgvc_aircraft(root: Path, photo: Photo) -> None:
    folder = root / "fgvc-aircraft-2013b" / "data"
    folder.mkdir(parents=True)
    (folder / "variants.txt").write_text("707-320\nATR-72 b\n")
    for part, name in enumerate(("train", "val", "test")):
        photo(folder / "images" / f"{name}1.jpg", 2 * part)
        photo(folder / "images" / f"{name}2.jpg", 2 * part + 1)
        (folder / f"images_variant_{name}.txt").write_text(f"{name}1 ATR-72 b\n{name}2 707-320\n")


def write_stanford_cars(root: Path, photo: Photo) -> None:
    folder = root / "stanford_cars"
    (folder / "devkit").mkdir(parents=True)
    names = np.empty((1, 196), dtype=object)
    names[0] = [f"Car {k}" for k in range(196)]
    savemat(folder / "devkit" / "cars_meta.mat", {"class_names": names})
    kind = np.dtype([("fname", object), ("class", object)])
    for name, path in (("train", "devkit/cars_train_annos.mat"), ("test", "cars_test_annos_withlabels.mat")):
        rows = np.array([(f"{n}.jpg", n % 196 + 1) for n in range(392, 0, -1)], dtype=kind)
        for n, row in enumerate(rows):
            photo(folder / f"cars_{name}" / row["fname"], n + 1000 * (name == "test"))
        savemat(folder / path, {"annotations": rows[None]})


ARRAYS: dict[str, tuple[Callable[[Path], None], str, dict[str, Any]]] = {
    "cifar10": (write_cifar10, "CIFAR10", {"train": True}),
    "cifar100": (write_cifar100, "CIFAR100", {"train": True}),
    "mnist": (write_mnist, "MNIST", {"train": True}),
    "fashion_mnist": (lambda root: write_mnist(root, "FashionMNIST"), "FashionMNIST", {"train": True}),
    "kmnist": (lambda root: write_mnist(root, "KMNIST"), "KMNIST", {"train": True}),
    "svhn": (write_svhn, "SVHN", {"split": "train"}),
    "stl10": (write_stl10, "STL10", {"split": "train"}),
}
FILES: dict[str, tuple[Callable[[Path, Photo], None], str]] = {
    "eurosat": (write_eurosat, "EuroSAT"),
    "gtsrb": (write_gtsrb, "GTSRB"),
    "flowers102": (write_flowers102, "Flowers102"),
    "oxford_iiit_pet": (write_oxford_iiit_pet, "OxfordIIITPet"),
    "food101": (write_food101, "Food101"),
    "dtd": (write_dtd, "DTD"),
    "fgvc_aircraft": (write_fgvc_aircraft, "FGVCAircraft"),
    "stanford_cars": (write_stanford_cars, "StanfordCars"),
}


def write_imagenet(root: Path, photo: Photo) -> None:
    for k in range(1000):
        for i, image in enumerate(("train/{}/1.png", "train/{}/2.png", "val/{}/1.png")):
            photo(root / "imagenet" / image.format(f"n{k:08d}"), 3 * k + i)


def pixels(split: Split, index: int) -> Any:
    assert split.images is not None
    return split.images[index]
