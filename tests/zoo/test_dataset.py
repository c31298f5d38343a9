"""Datasets: splits are checked when they are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo import (
    ClassHierarchy,
    Split,
    Splits,
)


def _images(count: int = 2, **changed: Any) -> np.ndarray[Any, Any]:
    return np.zeros(**{"shape": (count, 4, 4, 3), "dtype": np.uint8, **changed})


LABELS = np.array([0, 1])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "either images or encoded"),
        ({"images": _images(), "encoded": [b"", b""]}, "not both"),
        ({"images": _images(3)}, "3 images for 2 labels"),
        ({"encoded": [b""]}, "1 encoded for 2 labels"),
        ({"images": _images(dtype=np.float32)}, "must be uint8"),
        ({"images": _images(shape=(2, 4, 4))}, r"got uint8 \[2, 4, 4\]"),
        ({"images": _images(shape=(2, 3, 4, 4))}, "1 or 3 channels, got 4"),
        ({"images": _images(), "ids": ["a"]}, "1 ids for 2 labels"),
        ({"images": _images(), "groups": ["a"] * 3}, "3 groups for 2 labels"),
        ({"images": _images(), "labels": np.array([0.0, 1.0])}, "array of integers"),
        ({"images": _images(), "labels": np.array([[0, 1]])}, "one-dimensional"),
        ({"images": _images(), "labels": [0, 1]}, "one-dimensional array"),
    ],
)
def test_a_split_rejects_inconsistent_arrays(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Split(**{"labels": LABELS, **fields})


def test_a_split_is_as_long_as_its_labels() -> None:
    assert len(Split(labels=LABELS, images=_images())) == 2
    assert len(Split(labels=LABELS, encoded=[Path("a.png"), b"bytes"])) == 2


@pytest.mark.parametrize(
    ("classes", "labels", "message"),
    [
        (("a",), [0, 0], "at least 2 classes, got 1"),
        (("a", "b"), [0, 2], "labels of the train split run from 0 to 2, but there are 2 classes"),
        (("a", "b"), [-1, 1], "run from -1 to 1"),
        (("a", "b"), [], "the train split is empty"),
    ],
)
def test_splits_refuse_labels_without_a_class(classes: tuple[str, ...], labels: list[int], message: str) -> None:
    train = Split(labels=np.array(labels, dtype=np.int64), images=_images(len(labels)))
    with pytest.raises(ValueError, match=message):
        Splits(classes=classes, train=train)


def test_splits_check_test_labels_too() -> None:
    train = Split(labels=LABELS, images=_images())
    with pytest.raises(ValueError, match="the test split"):
        Splits(classes=("a", "b"), train=train, test=Split(labels=LABELS + 1, images=_images()))
    other = ClassHierarchy(classes=("b", "a"), ancestors=(("x",), ("y",)))
    with pytest.raises(ValueError, match="hierarchy must be of the same classes"):
        Splits(classes=("a", "b"), train=train, hierarchy=other)
