"""torchvision's datasets are found, checked and refused, from small files in the published layouts."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plugins.datasets.published.sets import PUBLISHED
from plugins.datasets.torchvision_sets import _in_its_order
from tests.plugins.datasets.published.small_files import (
    ARRAYS,
    FILES,
    Load,
    Photo,
    write_cifar10,
    write_cifar100,
    write_imagenet,
    write_mnist,
    write_svhn,
)
from zoo import Catalog
from zoo.errors import DataError, UsageError
from zoo.testing.checks import checks_of

GROUPED = {"gtsrb"}
"""Datasets whose images have groups: the tracks of GTSRB."""
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


def test_an_option_that_is_not_there_is_a_usage_error(load: Load, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="emnist has balanced, byclass"):
        load("emnist", root=tmp_path, split="latters")


def test_a_dataset_may_be_in_a_folder_with_its_name(load: Load, tmp_path: Path) -> None:
    write_svhn(tmp_path / "svhn")
    splits = load("svhn", root=tmp_path)
    assert splits.train.labels.tolist() == [*range(10), *range(10)]


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
