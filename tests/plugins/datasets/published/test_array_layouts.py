"""Published layouts of arrays; torchvision itself is the referee."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from plugins.datasets.published.array_layouts import find_plain_or_gz, read_cifar10, read_fashion_mnist
from tests.plugins.datasets.published.small_files import ARRAYS, Load, pixels, write_mnist
from zoo.errors import DataError


def write_idx(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    with gzip.open(path, "wb") as file:
        file.write(header + values.tobytes())


def test_idx_files_are_images_with_their_labels(tmp_path: Path) -> None:
    folder = tmp_path / "FashionMNIST" / "raw"
    for name, count in (("train", 3), ("t10k", 2)):
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", np.full((count, 28, 28), count, dtype=np.uint8))
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", np.arange(count, dtype=np.uint8))
    splits = read_fashion_mnist(tmp_path, {})
    assert splits.train.images is not None
    assert splits.train.images.shape == (3, 28, 28, 1)
    assert splits.test is not None
    assert splits.test.labels.tolist() == [0, 1]


def test_a_plain_file_comes_before_a_compressed_one(tmp_path: Path) -> None:
    assert find_plain_or_gz(tmp_path / "x") == tmp_path / "x.gz"
    (tmp_path / "x").touch()
    assert find_plain_or_gz(tmp_path / "x") == tmp_path / "x"


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"):
        (folder / name).write_bytes(pickle.dumps(Path))
    with pytest.raises(pickle.UnpicklingError, match="is not expected in it"):
        read_cifar10(tmp_path, {})


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


def test_a_truncated_file_is_called_damaged(load: Load, tmp_path: Path) -> None:
    write_mnist(tmp_path)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match="is truncated"):
        load("mnist", root=tmp_path)


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
