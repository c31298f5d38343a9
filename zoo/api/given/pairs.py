"""Pairs of image and label, read from what people have: arrays, torch datasets, Hugging Face datasets, data frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from zoo.errors import DataError, UsageError

ROLES = {"train": "train", "val": "val", "validation": "val", "valid": "val", "dev": "val", "test": "test"}
IMAGE_NAMES = ("image", "img", "picture", "file", "path")
LABEL_NAMES = ("label", "labels", "fine_label", "class", "target")
_ACCEPTED = (
    "give (images, labels), a torch Dataset or DataLoader, a Hugging Face dataset, a data frame, or a mapping of these "
    "by split"
)


def splits_of(given: object) -> dict[str, Any]:
    """Return the splits of what is given, by role: train, val and test.

    Raises:
        UsageError: If a split has another name, or there is none to train on.
    """
    if not isinstance(given, Mapping):
        return {"train": given}
    splits: dict[str, Any] = {}
    for name, split in given.items():
        role = ROLES.get(str(name))
        if role is None:
            raise UsageError(f"data has a split {name!r}: expected {', '.join(ROLES)}")
        splits[role] = split
    if "train" not in splits:
        raise UsageError("data has no train split")
    return splits


def class_names(splits: Mapping[str, Any]) -> list[str] | None:
    """Return the names of classes as a source states them, else those of string labels; None for plain numbers."""
    for split in splits.values():
        if names := _stated(split):
            return names
    labels = [each for split in splits.values() for each in _labels(split)]
    return sorted(set(map(str, labels))) if labels and all(isinstance(each, str) for each in labels) else None


def pairs_of(split: Any) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of image and label.

    Raises:
        UsageError: If there are none.
        DataError: If there are more images than labels, or columns of other names.
    """
    if _is_table(split):
        image, label = _columns(split)
        if _is_frame(split):
            yield from zip(split[image], split[label], strict=True)
        else:
            for row in split:
                yield row[image], row[label]
    elif isinstance(split, tuple) and len(split) == 2:
        images, labels = split
        if len(images) != len(labels):
            raise DataError(f"there are {len(images):,} images and {len(labels):,} labels")
        yield from zip(images, labels, strict=True)
    elif hasattr(split, "batch_size") and hasattr(split, "dataset"):  # a DataLoader: its order and batches do not count
        yield from pairs_of(split.dataset)
    elif is_indexed(split):
        for index in range(len(split)):
            yield pair_of(split[index])
    elif isinstance(split, Iterable):
        yield from map(pair_of, split)
    else:
        raise UsageError(f"data is {type(split).__name__}: {_ACCEPTED}")


def pair_of(item: Any) -> tuple[Any, Any]:
    """Return the image and the label of an item: a pair, or a mapping with their names.

    Raises:
        UsageError: If it is neither.
    """
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    if isinstance(item, Mapping):
        images, labels = ([name for name in names if name in item] for names in (IMAGE_NAMES, LABEL_NAMES))
        if images and labels:
            return item[images[0]], item[labels[0]]
    raise UsageError(f"data has an item of type {type(item).__name__}, not a pair of image and label: {_ACCEPTED}")


def is_indexed(split: Any) -> bool:
    """Tell whether items are read by their number: torch's streams of items have no length."""
    if isinstance(split, Sequence):
        return True
    if _is_table(split) or not hasattr(split, "__getitem__"):
        return False
    try:
        len(split)
    except TypeError:
        return False
    return True


def _is_table(split: object) -> bool:
    return _is_frame(split) or (hasattr(split, "features") and hasattr(split, "column_names"))


def _is_frame(split: object) -> bool:
    return hasattr(split, "columns") and hasattr(split, "iterrows")


def _columns(split: Any) -> tuple[str, str]:
    """Return the names of the columns of images and of labels."""
    if _is_frame(split):
        kind, names = "data frame", list(map(str, split.columns))
    else:  # one that is streamed may not know its columns before its first row
        kind, names = "Hugging Face dataset", list(split.column_names or next(iter(split), {}))
    images, labels = ([name for name in known if name in names] for known in (IMAGE_NAMES, LABEL_NAMES))
    if not images or not labels:
        raise DataError(
            f"the {kind} has the columns {', '.join(names)}: rename those of the images and labels to image and label"
        )
    return images[0], labels[0]


def _stated(split: Any) -> list[str]:
    """Return the names that a dataset states, or the dataset that it is a part of."""
    if _is_frame(split):
        return []
    if _is_table(split):
        names = getattr((split.features or {}).get(_columns(split)[1]), "names", None)
        return list(map(str, names or ()))
    inner = split
    while inner is not None:
        if names := getattr(inner, "classes", None):
            return list(map(str, names))
        inner = getattr(inner, "dataset", None)
    return []


def _labels(split: Any) -> Iterable[Any]:
    """Return the labels that can be told without reading images."""
    if _is_table(split):
        label = _columns(split)[1]
        return split[label] if hasattr(split, "__getitem__") else ()
    if isinstance(split, tuple) and len(split) == 2:
        labels: Iterable[Any] = split[1]
        return labels
    return [pair_of(item)[1] for item in split] if isinstance(split, list | tuple) else ()
