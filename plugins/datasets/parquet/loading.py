"""Loading Parquet files of images: which file belongs to which split, and what its labels mean.

Labels are integers, with or without class names in the schema's metadata, or strings. A list with a single label is
that label. If the image column contains only paths, these are files beside the Parquet file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.datasets._assembly import assemble
from plugins.datasets._csv_table import COLUMN_NAMES, listed, plain, unread_note
from plugins.datasets._files import files_signature
from plugins.datasets._labels import MISSING, name_classes, name_groups, tidy
from plugins.datasets._split_names import role_of, split_of
from plugins.datasets.parquet.columns import (
    class_names_in,
    image_column_of,
    label_column_of,
    states_file_names,
    usual_column_of,
)
from plugins.datasets.parquet.values import (
    ParquetImages,
    ParquetNames,
    Rows,
    damage_named,
    open_parquet,
    paths_instead_of_images,
    values_of,
)
from zoo import Split, Splits
from zoo.errors import DataError
from zoo.options import Option
from zoo.text import plural

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHARD = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<total>\d{5})(-[0-9a-f]+)?")

PARQUET_OPTIONS: Mapping[str, Option] = {
    "image_column": "",
    "label_column": "",
    "split_column": "",
    "group_column": "",
}
"""Names of the columns, if they cannot be detected by their types and names."""


def load_parquet(
    path: Path, options: Mapping[str, Option] | None = None, *, validation_is_test: bool = False
) -> Splits:
    """Read a Parquet file, or a folder of them.

    A file's split is given by the word train, validation (val, dev) or test in its name, or else in the name of its
    folder. If no file is named train, files without such a word are training files, unless a column names the split of
    each row: it is called split, subset or set, or stated, and a row whose cell is empty is in train. With
    *validation_is_test*, as for ImageNet, whose test labels are not public, validation replaces a test split that is
    missing or has no labels.

    Raises:
        DataError: If a file cannot be read, a shard is missing, or there is no image or label column.
    """
    files = _files_by_split(path)
    if not files:
        raise DataError(f"{path} holds no Parquet file")
    options = options or {}
    read: dict[str, _RawSplit] = {}
    for name, paths in files.items():
        raw = _read_split(paths, options)
        read |= {name: raw} if name else _by_column(raw, alone=len(files) == 1)
    splits = {name: each for name, each in read.items() if any(label not in (-1, None) for label in each.labels)}
    notes = [
        f"the {name} split of {plural(len(each.labels), 'image')} left out: its labels are all "
        f"{'missing' if None in each.labels else '-1'}, which stands for labels that are not public"
        for name, each in read.items()
        if name not in splits and each.labels
    ]
    if "train" in read and "train" not in splits:
        raise DataError(
            f"{path} cannot be trained on: all its training labels are "
            f"{'-1 or missing' if read['train'].labels else 'missing, because it has no rows'}"
        )
    if "train" not in splits:
        raise DataError(f"{path} holds no labelled train split: its Parquet files should be called train-…")
    if validation_is_test and "test" not in splits and "val" in splits:
        splits["test"] = splits.pop("val")
    classes, index_of, class_notes = _classes(
        [each.labels for each in splits.values()],
        [each for split in splits.values() for each in split.names],
        path,
        options.get("twins", "error"),
    )
    group_of, group_notes = name_groups({group for each in splits.values() for group in each.groups or ()} - {""})
    if "label_column" in options:  # columns can be chosen
        unread = dict.fromkeys(name for each in splits.values() for name in each.unread)
        choices = ["data.label_column", "data.split_column", *([] if group_of else ["data.group_column"])]
        notes += unread_note(unread, choices)
        if any(plain(name) in COLUMN_NAMES["split"] for name in unread):
            notes.append(
                "the column of splits is not read: files are called after splits, or its words are not train, val and "
                "test"
            )
    return assemble(
        classes,
        {name: _split(name, each, index_of, group_of, path) for name, each in splits.items()},
        options,
        source=str(path),
        notes=[*class_notes, *group_notes, *notes],
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _RawSplit:
    """The rows of a split, before labels are mapped to class indices."""

    files: list[Path]
    image_column: str
    labels: list[Any]
    groups: list[str] | None
    """Name of the group of each row, empty for a row that is a group by itself; None if there is no such column."""
    names: list[tuple[Path, Sequence[str]]]
    """Class names in the metadata of each file that has any."""
    unread: tuple[str, ...]
    """Names of the columns that are not read."""
    split_column: str = ""
    """The column of splits; empty if there is none."""
    roles: list[str] | None = None
    """Split of each row; None if no column tells it."""
    rows: list[int] | None = None
    """The rows of the files that are in this split; None: all."""


def _by_column(raw: _RawSplit, *, alone: bool) -> dict[str, _RawSplit]:
    """Return the splits that a column tells, of files which are not called after one; without such a column train.

    Args:
        raw: All rows of the files.
        alone: Whether no other file is called after a split.
    """
    if raw.roles is None or not alone:
        return {"train": raw}
    rows = {name: [k for k, role in enumerate(raw.roles) if role == name] for name in ("train", "val", "test")}
    return {
        name: replace(
            raw,
            rows=each,
            labels=[raw.labels[k] for k in each],
            groups=None if raw.groups is None else [raw.groups[k] for k in each],
            unread=tuple(column for column in raw.unread if column != raw.split_column),
        )
        for name, each in rows.items()
        if each
    }


def _files_by_split(path: Path) -> dict[str, list[Path]]:
    """Return the files of each split; under the empty name those that are called after none and serve as train."""
    if path.is_file():
        return {"": [path]}
    splits: dict[str, list[Path]] = {}
    for file in sorted(path.rglob("*.parquet")):
        splits.setdefault(split_of(file.relative_to(path)), []).append(file)
    unnamed = splits.pop("", [])
    if unnamed and "train" in splits:
        raise DataError(
            f"{unnamed[0]} is called neither train nor validation nor test, unlike the other Parquet files there"
        )
    if unnamed:
        splits[""] = unnamed
    for files in splits.values():
        _check_shards(files)
    return splits


def _check_shards(files: list[Path]) -> None:
    """Raise an error if the numbers in the files' names show that shards are missing."""
    promised = {
        file.with_name(f"{match['stem']}-{number:05d}-of-{match['total']}")
        for file in files
        if (match := _SHARD.fullmatch(file.stem))
        for number in range(int(match["total"]))
    }
    present = {
        file.with_name(f"{match['stem']}-{match['number']}-of-{match['total']}")
        for file in files
        if (match := _SHARD.fullmatch(file.stem))
    }
    missing = sorted(file.name for file in promised - present)
    if missing:
        raise DataError(f"{files[0].parent} lacks {len(missing)} Parquet file(s): {', '.join(missing[:5])}")


def _read_split(files: list[Path], options: Mapping[str, Option]) -> _RawSplit:
    labels: list[Any] = []
    groups: list[str] = []
    names: list[tuple[Path, Sequence[str]]] = []
    image_column = label_column = group_column = split_column = ""
    cells: list[str] = []
    unread: dict[str, None] = {}
    for file in files:
        parquet = open_parquet(file)
        with damage_named(file):
            schema = parquet.schema_arrow
            image_column = image_column_of(schema, file, str(options.get("image_column") or ""))
            label_column = label_column_of(schema, file, str(options.get("label_column") or ""))
            group_column = usual_column_of(schema, file, "group", str(options.get("group_column") or ""))
            of_splits = usual_column_of(schema, file, "split", str(options.get("split_column") or ""))
            split_column = of_splits or split_column
            if found := class_names_in(schema, label_column):
                names.append((file, found))
        labels += [_single(label, file) for label in values_of(parquet, label_column, file)]
        read = {image_column, label_column, group_column}
        unread |= dict.fromkeys(name for name in schema.names if name not in read)
        of_file = values_of(parquet, group_column, file) if group_column else [None] * (len(labels) - len(groups))
        groups += [_group(value) for value in of_file]
        of_file = values_of(parquet, of_splits, file) if of_splits else [None] * (len(labels) - len(cells))
        cells += [_group(value) for value in of_file]
    return _RawSplit(
        files=files,
        image_column=image_column,
        labels=labels,
        groups=groups if any(groups) else None,
        names=names,
        unread=tuple(unread),
        split_column=split_column,
        roles=_roles(cells, files[0], stated=bool(options.get("split_column"))),
    )


def _roles(cells: list[str], file: Path, *, stated: bool) -> list[str] | None:
    """Return the split of each row, train where the cell is empty; None if the cells name no splits.

    Raises:
        DataError: If the column was stated, and a cell is another word.
    """
    role_of_each = {cell: role_of(cell) if cell else "train" for cell in set(cells)}
    other = sorted(cell for cell, role in role_of_each.items() if not role)
    if other and stated:
        raise DataError(f"{file}: the split {other[0]!r} is not train, val or test: choose another data.split_column")
    return [role_of_each[cell] for cell in cells] if not other and any(cells) else None


def _group(value: object) -> str:
    """Return the name of a group or a split; empty if the value is missing."""
    if isinstance(value, float) and value.is_integer():  # whole numbers beside missing ones
        value = int(value)
    name = "" if value is None else tidy(str(value))
    return "" if name in MISSING else name


def _single(label: Any, file: Path) -> Any:
    """Return a label, which may be in a list with a single item, or a whole number stored as a float."""
    if isinstance(label, list):
        if len(label) != 1:
            raise DataError(
                f"{file} has rows with {len(label)} labels, but each image needs exactly one: keep one, or choose "
                "another column with data.label_column"
            )
        label = label[0]
    if isinstance(label, dict):
        raise DataError(
            f"{file} has labels with several fields ({listed(list(label))}): save the field that is the class as a "
            "column, or choose another column with data.label_column"
        )
    if isinstance(label, float):
        return None if math.isnan(label) else int(label) if label.is_integer() else label
    return label


def _classes(
    labels: list[list[Any]], stated: list[tuple[Path, Sequence[str]]], path: Path, twins: object
) -> tuple[tuple[str, ...], dict[Any, int], tuple[str, ...]]:
    """Return class names, the class index of each original label, and notes."""
    values = {label for each in labels for label in each}
    if None in values:
        raise DataError(
            f"{path} has rows without a label: remove them, or choose another column with data.label_column"
        )
    if all(isinstance(value, str) for value in values):
        return name_classes(values, source=str(path), twins=twins)
    if not all(isinstance(value, int) for value in values):
        kinds = sorted({type(value).__name__ for value in values})
        raise DataError(
            f"the labels in {path} must all be whole numbers or all text; they are of the types {', '.join(kinds)}: "
            "save them in one way, or choose another column with data.label_column"
        )
    if min(values) < 0:
        raise DataError(f"{path} has rows with the label {min(values)}, beside others that are labelled: remove them")
    names = _agreed_names(stated)
    if names is not None:
        if max(values) >= len(names):
            raise DataError(f"{path} names {len(names)} classes, but has the label {max(values)}")
        return tuple(names), {k: k for k in range(len(names))}, ()
    ordered = sorted(values)
    if len(ordered) < 2:
        raise DataError(f"{path} must have images of at least two classes; all labels are {ordered[0]}")
    return tuple(str(value) for value in ordered), {value: k for k, value in enumerate(ordered)}, ()


def _agreed_names(stated: list[tuple[Path, Sequence[str]]]) -> Sequence[str] | None:
    """Return the longest list of class names; None if no file has any.

    Raises:
        DataError: If a number is one class in a file and another class in another.
    """
    if not stated:
        return None
    first, longest = max(stated, key=lambda each: len(each[1]))
    for file, names in stated:
        for number, (name, other) in enumerate(zip(names, longest, strict=False)):
            if name != other:
                raise DataError(
                    f"the label {number} is {name!r} in {file.name} and {other!r} in {first.name}: save the class "
                    "names as the labels, or with the same numbers in all files"
                )
    return longest


def _split(name: str, raw: _RawSplit, index_of: dict[Any, int], group_of: dict[str, str], path: Path) -> Split:
    import numpy as np

    if not raw.labels:
        raise DataError(f"the {name} split in {path} has no rows")
    labels_N: NDArray[np.int64] = np.fromiter(
        (index_of[label] for label in raw.labels), dtype=np.int64, count=len(raw.labels)
    )
    groups = None
    if group_of:
        groups = [
            group_of[group] if group else f"{name}/{index}"
            for index, group in enumerate(raw.groups or [""] * len(raw.labels))
        ]
    rows = raw.rows
    paths = paths_instead_of_images(raw.files, raw.image_column)
    if paths is not None:
        return Split(encoded=paths if rows is None else [paths[k] for k in rows], labels=labels_N, groups=groups)
    states_names = all(states_file_names(open_parquet(file).schema_arrow, raw.image_column) for file in raw.files)
    images = ParquetImages(raw.files, raw.image_column)
    file_names = ParquetNames(raw.files, raw.image_column, len(images)) if states_names else None
    signature = files_signature(raw.files)
    if rows is None:
        return Split(encoded=images, labels=labels_N, groups=groups, file_names=file_names, signature=signature)
    return Split(
        encoded=Rows(images, rows),
        labels=labels_N,
        groups=groups,
        file_names=None if file_names is None else Rows(file_names, rows),
        signature=f"{signature}, {name} by {raw.split_column}",
    )
