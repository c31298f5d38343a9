"""Layouts of folders of images: which of them are recognised, and which are errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zoo import Splits
from zoo.errors import DataError

Load = Callable[..., Splits]
Photo = Callable[..., Path]

SPLIT = {"train": ["train/a/1.png", "train/b/1.png"], "val": ["val/a/1.png"], "test": ["test/b/1.png"]}


def sizes(splits: Splits) -> dict[str, int]:
    return {name: len(split) for name in ("train", "val", "test") if (split := getattr(splits, name)) is not None}


def write(photo: Photo, root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        photo(root / name, number)
    return root


@pytest.mark.parametrize(
    "names",
    [
        ["train/a/1.png", "train/b/1.png", "val/a/1.png", "test/b/1.png"],
        ["Training/a/1.png", "Training/b/1.png", "VALID/a/1.png", "Test/b/1.png"],
        ["train/a/1.png", "train/b/1.png", "eval/a/1.png", "testing/b/1.png"],
        ["train/a/1.png", "train/b/1.png", "validation/a/1.png", "holdout/b/1.png"],
        ["training_set/a/1.png", "training_set/b/1.png", "dev_set/a/1.png", "test_set/b/1.png"],
        ["seg_train/seg_train/a/1.png", "seg_train/seg_train/b/1.png", "seg_val/a/1.png", "seg_test/seg_test/b/1.png"],
        ["a/train/1.png", "b/train/1.png", "a/val/1.png", "b/test/1.png"],
        ["x/photos/train/a/1.png", "x/photos/train/b/1.png", "x/photos/val/a/1.png", "x/photos/test/b/1.png"],
        ["train/a/1.png", "train/b/1.png", "val/a/1.png", "test/b/1.png", "__MACOSX/a/._1.png", "@eaDir/a/1.png"],
    ],
)
def test_layouts_of_splits_and_classes_that_are_recognised(
    load: Load, photo: Photo, tmp_path: Path, names: list[str]
) -> None:
    splits = load("folder", write(photo, tmp_path / "data", *names))
    assert splits.classes == ("a", "b")
    assert sizes(splits) == {"train": 2, "val": 1, "test": 1}
    assert splits.omissions == ()


def test_a_folder_around_the_classes_is_not_a_class(load: Load, photo: Photo, tmp_path: Path) -> None:
    """Archives unpack to photos/photos/…, which is no dataset of one class."""
    splits = load("folder", write(photo, tmp_path / "p", "photos/a/1.png", "photos/b/1.png", "photos/a/2.png"))
    assert splits.classes == ("a", "b")
    assert splits.train.ids == ["a/1.png", "a/2.png", "b/1.png"]
    assert "the only folder" in splits.notes[0]


def test_two_spellings_of_one_split_are_an_error(load: Load, photo: Photo, tmp_path: Path) -> None:
    names = ["train/a/1.png", "train/b/1.png", "Train/a/2.png"]
    with pytest.raises(DataError, match="several folders for train: 'Train', 'train'"):
        load("folder", write(photo, tmp_path / "data", *names))


def test_a_test_folder_without_class_folders_is_unlabelled_and_counted(
    load: Load, photo: Photo, tmp_path: Path
) -> None:
    """As in many competitions, whose test labels are not public."""
    names = ["train/a/1.png", "train/b/1.png", "test/1.png", "test/2.png"]
    splits = load("folder", write(photo, tmp_path / "data", *names))
    assert splits.test is None
    assert splits.omissions == ("2 images in 'test' left out because there are no class folders to label them",)


def test_images_beside_class_folders_are_counted_and_named(load: Load, photo: Photo, tmp_path: Path) -> None:
    splits = load("folder", write(photo, tmp_path / "data", "a/1.png", "b/1.png", "stray.png"))
    assert len(splits.train) == 2
    assert splits.omissions == ("1 image left out, beside the class folders instead of inside one: 'stray.png'",)


def test_a_class_may_be_called_train(load: Load, photo: Photo, tmp_path: Path) -> None:
    """As in CIFAR-100 and COCO."""
    splits = load("folder", write(photo, tmp_path / "data", "boat/1.png", "train/1.png", "car/1.png"))
    assert splits.classes == ("boat", "car", "train")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a/train/1.png", "b/1.png"], "below some classes .'a'. and not below others .'b'."),
        (["train/1.png", "train/2.png"], "holds 2 images and must hold a folder of images for each class"),
        (["train/a/1.png", "train/b/1.png", "pred/1.png"], "'pred' beside 'train'"),
        (["1.png", "2.png"], "csv:PATH reads labels from a table"),
    ],
)
def test_a_layout_that_could_be_read_in_two_ways_is_one_sentence_with_the_remedy(
    load: Load, photo: Photo, tmp_path: Path, names: list[str], message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load("folder", write(photo, tmp_path / "data", *names))
    assert "\n" not in str(caught.value)


def test_folders_without_images_beside_splits_are_noted(load: Load, photo: Photo, tmp_path: Path) -> None:
    write(photo, tmp_path / "data", "train/a/1.png", "train/b/1.png")
    (tmp_path / "data" / "annotations").mkdir()
    (tmp_path / "data" / "annotations" / "1.xml").write_text("<a/>")
    assert "1 folder without images left out: 'annotations'" in load("folder", tmp_path / "data").notes


def test_numbered_folders_are_in_the_order_of_their_numbers(load: Load, photo: Photo, tmp_path: Path) -> None:
    """torchvision#714: 0, 1, 10, 2."""
    splits = load("folder", write(photo, tmp_path / "data", *(f"{k}/1.png" for k in range(12))))
    assert splits.classes == tuple(str(k) for k in range(12))


def test_classes_that_differ_in_case_between_splits_are_an_error(load: Load, photo: Photo, tmp_path: Path) -> None:
    names = ["train/Cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/dog/1.png"]
    root = write(photo, tmp_path / "data", *names)
    with pytest.raises(DataError, match="'Cat' and 'cat'"):
        load("folder", root)
    splits = load("folder", root, twins="merge")
    assert splits.classes == ("Cat", "dog")
    assert splits.test is not None
    assert splits.test.labels.tolist() == [0, 1]


def test_folders_of_one_name_in_two_encodings_are_one_class(load: Load, photo: Photo, tmp_path: Path) -> None:
    """macOS writes NFD, Linux and Windows NFC."""
    names = ["train/K\u00e4se/1.png", "train/dog/1.png", "test/Ka\u0308se/1.png"]
    splits = load("folder", write(photo, tmp_path / "data", *names))
    assert splits.classes == ("K\u00e4se", "dog")
    assert splits.test is not None
    assert splits.test.labels.tolist() == [0]
