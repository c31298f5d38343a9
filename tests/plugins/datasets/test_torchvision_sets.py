"""torchvision's sets, from small files in the published layouts; torchvision itself is the referee."""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import itertools
import json
import os
import pickle
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from plugins.datasets.published.sets import PUBLISHED
from plugins.datasets.torchvision_sets import _in_its_order
from zoo import Catalog, Split, Splits
from zoo.errors import DataError, UsageError
from zoo.testing.checks import checks_of

Load = Callable[..., Splits]
Photo = Callable[..., Path]
RNG = np.random.default_rng(0)
GROUPED = {"gtsrb"}
"""Datasets whose images have groups: the tracks of GTSRB."""


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


MANY_CLASSES = {"food101", "stanford_cars", "imagenet"}
"""Sets with a hundred classes and more, which are a slow test."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in MANY_CLASSES else ())
        for name in ("emnist", *ARRAYS, *FILES, "imagenet")
    ],
)
def test_a_set_conforms_to_the_kit(hold: Callable[..., list[str]], photo: Photo, tmp_path: Path, name: str) -> None:
    """The small files hold fewer images than the published sets, and that alone is why a check would fail."""
    if name == "emnist":
        write_mnist(tmp_path, "EMNIST", ("emnist-balanced-train", "emnist-balanced-test"), num_classes=47)
    elif name in ARRAYS:
        ARRAYS[name][0](tmp_path)
    else:
        ({name: write for name, (write, _) in FILES.items()} | {"imagenet": write_imagenet})[name](tmp_path, photo)
    passed = hold("datasets", name, root=tmp_path, num_train=None, num_test=None)
    inapplicable = set() if name in GROUPED else {"groups_stay_together"}
    assert set(passed) == {check.id for check in checks_of("datasets")} - inapplicable


@pytest.mark.slow
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_read_as_torchvision_reads_them(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write, class_name, arguments = ARRAYS[name]
    write(tmp_path)
    import torchvision.datasets as referee
    from torchvision.datasets import cifar, stl10, svhn

    for module in (cifar, stl10, svhn):  # the small files have other checksums than the real ones
        monkeypatch.setattr(module, "check_integrity", lambda *_: True)
    if name == "stl10":
        monkeypatch.setattr(referee.STL10, "train_list", referee.STL10.train_list[:2])
    splits = load(name, root=tmp_path)
    for split, is_train in ((splits.train, True), (splits.test, False)):
        assert split is not None
        chosen = {"train": is_train} if "train" in arguments else {"split": "train" if is_train else "test"}
        expected = getattr(referee, class_name)(tmp_path, **chosen)
        assert len(split) == len(expected)
        for index in range(len(split)):
            image, label = expected[index]
            assert (np.asarray(image).reshape(pixels(split, index).shape) == pixels(split, index)).all()
            assert label == split.labels[index]


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_files_are_found_as_torchvision_finds_them(
    load: Load, photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write, class_name = FILES[name]
    write(tmp_path, photo)
    import torchvision.datasets as referee
    from PIL import Image
    from torchvision.datasets import flowers102

    monkeypatch.setattr(flowers102, "check_integrity", lambda *_: True)
    splits = load(name, root=tmp_path)
    official = {"train": "trainval"} if name == "oxford_iiit_pet" else {}
    for split_name in ("train", "val", "test"):
        split = getattr(splits, split_name)
        if split is None:
            continue
        arguments = {} if name == "eurosat" else {"split": official.get(split_name, split_name)}
        expected = getattr(referee, class_name)(tmp_path, **arguments)

        def content(image: Image.Image) -> bytes:
            return image.convert("RGB").tobytes()

        theirs = sorted((content(image), label) for image, label in (expected[i] for i in range(len(expected))))
        ours = sorted(
            (content(Image.open(path)), int(label)) for path, label in zip(split.encoded, split.labels, strict=True)
        )
        assert ours == theirs


def test_emnist_is_upright_and_its_letters_count_from_zero(load: Load, tmp_path: Path) -> None:
    """Its files hold each image transposed."""
    write_mnist(tmp_path, "EMNIST", ("emnist-letters-train", "emnist-letters-test"), first=1)
    stored = (tmp_path / "EMNIST/raw/emnist-letters-train-images-idx3-ubyte").read_bytes()[16 : 16 + 784]
    splits = load("emnist", root=tmp_path, split="letters")
    assert splits.classes[:2] == ("a", "b")
    assert splits.train.labels.tolist() == [*range(10), *range(10)]
    assert (pixels(splits.train, 0)[..., 0] == np.frombuffer(stored, dtype=np.uint8).reshape(28, 28).T).all()


@pytest.mark.parametrize(("split", "count"), [("balanced", 47), ("byclass", 62), ("bymerge", 47), ("digits", 10)])
def test_each_part_of_emnist_has_its_classes(load: Load, tmp_path: Path, split: str, count: int) -> None:
    write_mnist(tmp_path, "EMNIST", (f"emnist-{split}-train", f"emnist-{split}-test"))
    assert len(load("emnist", root=tmp_path, split=split).classes) == count


def test_an_option_that_is_not_there_is_a_usage_error(load: Load, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="emnist has balanced, byclass"):
        load("emnist", root=tmp_path, split="latters")


def test_compressed_mnist_files_are_read_as_they_are(load: Load, tmp_path: Path) -> None:
    write_mnist(tmp_path)
    plain = load("mnist", root=tmp_path).train
    files = list((tmp_path / "MNIST" / "raw").iterdir())
    assert len(files) == 4
    for path in files:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    packed = load("mnist", root=tmp_path).train
    assert (plain.images == packed.images).all()


def test_a_dataset_may_be_in_a_folder_with_its_name(load: Load, tmp_path: Path) -> None:
    write_svhn(tmp_path / "svhn")
    splits = load("svhn", root=tmp_path)
    assert splits.train.labels.tolist() == [*range(10), *range(10)]


def test_tracks_of_traffic_signs_stay_together(load: Load, photo: Photo, tmp_path: Path) -> None:
    write_gtsrb(tmp_path, photo)
    groups = load("gtsrb", root=tmp_path).train.groups
    assert groups is not None
    assert groups[:4] == ["0/00000", "0/00000", "0/00001", "0/00001"]
    assert len(set(groups)) == 86


def test_the_validation_images_of_imagenet_are_its_test_split(load: Load, photo: Photo, tmp_path: Path) -> None:
    for k in range(1000):
        for split in ("train", "val"):
            folder = tmp_path / "imagenet" / split / f"n{k:08d}"
            folder.mkdir(parents=True)
            (folder / "1.JPEG").write_bytes(b"")
    (tmp_path / "imagenet" / "LOC_synset_mapping.txt").write_text("n00000000 tench, Tinca tinca\n")
    splits = load("imagenet", root=tmp_path)
    assert splits.val is None
    assert splits.test is not None
    assert (len(splits.train), len(splits.test)) == (1000, 1000)
    assert splits.classes[:2] == ("n00000000 tench, Tinca tinca", "n00000001")


def test_a_pickle_that_would_run_code_is_refused(load: Load, tmp_path: Path) -> None:
    """Malicious pickles are the usual way in (CVE-2025-32434)."""
    write_cifar10(tmp_path)
    evil = b"cos\nsystem\n(S'touch " + str(tmp_path / "evil").encode() + b"'\ntR."
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(evil)
    with pytest.raises(DataError, match=r"damaged: UnpicklingError: .*system is not expected"):
        load("cifar10", root=tmp_path)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (pickle.dumps([1, 2]), "TypeError"),
        (b"]]R.", "TypeError"),  # it calls a list
        (pickle.dumps({"data": 1, "labels": [0]}), "ValueError"),
        (pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": ["cat", "dog"]}), "ValueError"),
        (pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [2**70, 0]}), "OverflowError"),
        (pickle.dumps({"data": np.zeros((2, 3071), np.uint8), "labels": [0, 1]}), "ValueError"),
        (b"", "EOFError"),
    ],
)
def test_a_damaged_pickle_is_called_damaged_whatever_it_raises(
    load: Load, tmp_path: Path, content: bytes, error: str
) -> None:
    write_cifar10(tmp_path)
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(content)
    with pytest.raises(DataError, match=f"is damaged: {error}: "):
        load("cifar10", root=tmp_path)


def test_an_incomplete_dataset_is_reported_with_the_missing_files(load: Load, tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    (tmp_path / "cifar-10-batches-py" / "data_batch_4").unlink()
    with pytest.raises(DataError, match=r"incomplete: .*data_batch_4: No such file"):
        load("cifar10", root=tmp_path)


def test_a_truncated_file_is_called_damaged(load: Load, tmp_path: Path) -> None:
    write_mnist(tmp_path)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match="is truncated"):
        load("mnist", root=tmp_path)


def test_an_unavailable_dataset_gives_an_error_with_the_files_and_their_folder(
    load: Load, catalog: Catalog, tmp_path: Path
) -> None:
    names = [entry.record.name for entry in catalog.datasets if "torchvision" in entry.provider.name]
    assert len(names) == 17
    for name in names:
        with pytest.raises(DataError, match="put its files there, such as ") as caught:
            load(name, root=tmp_path)
        assert str(caught.value).startswith(f"{name} is not in the data root {tmp_path}")
        assert "\n" not in str(caught.value)


def test_a_folder_of_another_data_set_is_refused(load: Load, tmp_path: Path) -> None:
    write_cifar100(tmp_path)
    meta = tmp_path / "cifar-100-python" / "meta"
    with meta.open("wb") as file:
        pickle.dump({"fine_label_names": ["a"] * 101}, file)
    with pytest.raises(DataError, match="holds 101 classes, but cifar100 has 100"):
        load("cifar100", root=tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ARRAYS)
def test_a_pipe_instead_of_any_file_is_an_error_and_not_a_wait(load: Load, tmp_path: Path, name: str) -> None:
    ARRAYS[name][0](tmp_path)
    for path in [each for each in sorted(tmp_path.rglob("*")) if each.is_file()]:
        kept = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        with pytest.raises((OSError, DataError)):
            load(name, root=tmp_path)
        path.unlink()
        path.write_bytes(kept)
    load(name, root=tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", FILES)
def test_a_pipe_instead_of_any_list_is_an_error_and_not_a_wait(
    load: Load, photo: Photo, tmp_path: Path, name: str
) -> None:
    FILES[name][0](tmp_path, photo)
    lists = [each for each in sorted(tmp_path.rglob("*")) if each.suffix in (".csv", ".txt", ".mat", ".json")]
    for path in lists:
        kept = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        with contextlib.suppress(OSError, DataError):  # some lists are of splits that are not used
            load(name, root=tmp_path)
        path.unlink()
        path.write_bytes(kept)
    load(name, root=tmp_path)


def test_a_table_in_another_order_than_the_published_one_is_recognised(load: Load, tmp_path: Path) -> None:

    root = tmp_path / "root"
    write_cifar10(root)
    splits = load("cifar10")
    assert splits.test is not None
    (cifar10,) = [each for each in PUBLISHED if each.name == "cifar10"]
    here = hashlib.sha256(bytes(splits.test.labels.tolist())).hexdigest()
    for published, is_in_order in ((here, True), ("0" * 64, False), ("", True)):
        found = _in_its_order(replace(cifar10, test_labels=published), splits)
        assert found.test is not None
        assert found.test.is_in_published_order is is_in_order
    assert splits.test.is_in_published_order


def test_cifar10_of_the_real_data_is_recognised_as_shuffled(load: Load, data_root: Path) -> None:
    splits = load("cifar10", root=data_root)
    assert splits.test is not None
    assert not splits.test.is_in_published_order
    assert splits.test.file_names is not None
    assert len(set(splits.test.file_names)) == 10_000


def test_the_published_order_of_cifar10_is_that_of_its_published_labels(data_root: Path) -> None:
    (cifar10,) = [each for each in PUBLISHED if each.name == "cifar10"]
    with (data_root / "predictions" / "labels.csv").open(encoding="utf-8") as file:
        labels = bytes(int(row["label"]) for row in csv.DictReader(file))
    assert hashlib.sha256(labels).hexdigest() == cifar10.test_labels
