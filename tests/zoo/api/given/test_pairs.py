"""Pairs of image and label: each kind of source is read, with its classes, or a sentence says what to give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

import zoo
from zoo.api.given.images import keep_images
from zoo.api.given.pairs import class_names, is_indexed, pairs_of, splits_of
from zoo.errors import DataError, UsageError

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 5, 7, 3), dtype=np.uint8)
NAMES = ["dog", "cat", "dog", "cat"]
NUMBERS = [1, 0, 1, 0]


class Items(Dataset[Any]):
    """A dataset whose items are mappings."""

    classes = ("cat", "dog")

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"image": PIXELS[index], "label": NUMBERS[index]}


class Stream(IterableDataset[Any]):
    classes = ("cat", "dog")

    def __iter__(self) -> Iterator[Any]:
        yield from zip(PIXELS, NUMBERS, strict=True)


class Streamed:
    """A streamed dataset of the Hub, which may not know its columns."""

    features: Any = None
    column_names: Any = None

    def __init__(self, labels: list[Any]) -> None:
        self._labels = labels

    def __iter__(self) -> Iterator[Any]:
        for image, label in zip(PIXELS, self._labels, strict=True):
            yield {"image": Image.fromarray(image), "label": label}


class Column(Streamed):
    """A dataset of the Hub with strings as labels."""

    features: Any = SimpleNamespace(get=lambda name: SimpleNamespace(dtype="string"))
    column_names = ("image", "label")

    def __getitem__(self, name: str) -> list[Any]:
        return self._labels


@pytest.mark.parametrize(
    "given",
    [
        Items(),
        Stream(),
        DataLoader(Stream(), batch_size=2),
        Subset(Subset(Items(), [0, 1, 2, 3]), [0, 1, 2, 3]),
        Column(NAMES),
        list(zip(PIXELS, NAMES, strict=True)),
        tuple(zip(PIXELS, NAMES, strict=True)),
        (PIXELS, pd.Series(NAMES, index=[7, 3, 9, 5])),
        pd.DataFrame({"img": list(PIXELS), "class": NAMES}, index=[7, 3, 9, 5]),
    ],
    ids=["mappings", "stream", "loader of a stream", "part of a part", "strings of the Hub", "list of pairs",
         "tuple of pairs", "series", "data frame"],
)  # fmt: skip
def test_each_source_is_the_same_dataset(given: Any) -> None:
    assert keep_images(given) == keep_images((PIXELS, NAMES))


def test_a_stream_without_columns_is_read_by_its_first_row() -> None:
    assert keep_images(Streamed(NUMBERS)) == keep_images((PIXELS, NUMBERS))


def test_a_frame_of_files_is_read(tmp_path: Path) -> None:
    paths = []
    for number, pixels in enumerate(PIXELS):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels).save(paths[-1])
    splits = zoo.load_dataset(keep_images({"train": pd.DataFrame({"path": paths, "label": NAMES})}))
    assert splits.classes == ("cat", "dog")
    assert splits.train.labels.tolist() == NUMBERS


def test_classes_are_those_of_all_splits() -> None:
    assert class_names({"train": (PIXELS[:2], ["b", "a"]), "test": [(PIXELS[2], "c")]}) == ["a", "b", "c"]
    assert class_names({"train": (PIXELS, NUMBERS)}) is None


def test_only_what_has_a_length_is_read_by_number() -> None:
    assert [is_indexed(each) for each in (Items(), [], Stream(), Column(NAMES), iter([]))] == [
        True, True, False, False, False,
    ]  # fmt: skip


def test_a_split_of_another_name_is_refused() -> None:
    assert list(splits_of({"dev": 1, "train": 2})) == ["val", "train"]
    with pytest.raises(UsageError, match="data has a split 'trane'"):
        splits_of({"trane": 1})


@pytest.mark.parametrize(
    ("given", "kind", "sentence"),
    [
        (iter(list(zip(PIXELS, NAMES, strict=True))), DataError, "'dog', and the names of all classes are not known"),
        (Streamed(NAMES), DataError, "give the dataset an attribute classes"),
        (pd.DataFrame({"x": [1], "label": [0]}), DataError, "the data frame has the columns x, label: rename"),
        ([{"image": PIXELS[0]}], UsageError, "an item of type dict, not a pair"),
        ((PIXELS, NUMBERS[:2]), DataError, "4 images and 2 labels"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(given: Any, kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        keep_images(given)


def test_pairs_are_given_in_order() -> None:
    images = torch.arange(3)
    assert [(int(image), label) for image, label in pairs_of((images, "abc"))] == [(0, "a"), (1, "b"), (2, "c")]
