"""Published layouts of image files; ``test_torchvision_sets`` compares all of them with torchvision."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.datasets.published.file_layouts import read_dtd, read_eurosat, read_imagenet
from zoo.errors import DataError

Photo = Callable[..., Path]


def test_folders_of_eurosat_are_its_classes(photo: Photo, tmp_path: Path) -> None:
    for name in ("River/River_1.png", "Forest/Forest_1.png", "Forest/Forest_2.png"):
        photo(tmp_path / "eurosat" / "2750" / name)
    splits = read_eurosat(tmp_path, {})
    assert (splits.classes, splits.train.labels.tolist()) == (("Forest", "River"), [0, 0, 1])


def test_a_partition_of_dtd_is_read_from_its_lists(tmp_path: Path) -> None:
    folder = tmp_path / "dtd" / "dtd" / "labels"
    folder.mkdir(parents=True)
    for name, lines in {"train2": "a/1.jpg\nb/2.jpg\n", "val2": "a/3.jpg\n", "test2": "b/4.jpg\n"}.items():
        (folder / f"{name}.txt").write_text(lines, encoding="utf-8")
    splits = read_dtd(tmp_path, {"partition": 2})
    assert splits.test is not None
    assert (splits.classes, splits.test.labels.tolist()) == (("a", "b"), [1])


def test_imagenet_needs_the_same_classes_in_both_splits(photo: Photo, tmp_path: Path) -> None:
    for name in ("train/n01/1.png", "train/n02/1.png", "val/n01/1.png"):
        photo(tmp_path / "imagenet" / name)
    with pytest.raises(DataError, match="same 2 class folders as train; it has 1"):
        read_imagenet(tmp_path, {})
