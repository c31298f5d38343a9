"""Parquet files of images, in the layout of the Hugging Face hub: an image column and a label column.

The image column holds ``{bytes, path}`` or bytes: encoded image files. Labels are integers with class names in the
schema's metadata, integers without, or strings. Images are read a row group at a time, when they are asked for.
"""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from plugins.datasets._files import files_signature
from plugins.datasets._split_names import split_of
from zoo import Split, Splits
from zoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_SHARD = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<total>\d{5})(-[0-9a-f]+)?")
_IMAGE_COLUMNS = ("img", "image")
_LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "target")


def load_parquet(path: Path, *, validation_is_test: bool = False) -> Splits:
    """Read a Parquet file, or a folder of them.

    A file's split is the word train, validation (val, dev) or test in its name, else in its folder's name; where no
    file says train, those that say nothing are train. With *validation_is_test*, as in ImageNet whose test labels
    are not public, validation takes the place of a test split that is missing or has no labels.

    Raises:
        DataError: If a file cannot be read or a shard is missing, or there is no image or label column.
    """
    files = _files_by_split(path)
    if not files:
        raise DataError(f"{path} holds no Parquet file")
    read = {name: _read_split(name, paths) for name, paths in files.items()}
    # A split whose labels are all -1 is one whose labels are not public.
    splits = {name: each for name, each in read.items() if any(label not in (-1, None) for label in each[1])}
    if "train" not in splits:
        raise DataError(f"{path} holds no labelled train split: its Parquet files should be called train-…")
    if validation_is_test and "test" not in splits and "val" in splits:
        splits["test"] = splits.pop("val")
    names = splits["train"][2]
    classes, label_of = _classes([each[1] for each in splits.values()], names, path)
    made = {name: _split(each[0], each[1], label_of, path) for name, each in splits.items()}
    return Splits(classes=classes, train=made["train"], val=made.get("val"), test=made.get("test"))


class ParquetImages(Sequence[bytes]):
    """The images of some files, in order, read when asked for; quick in ascending order."""

    def __init__(self, files: Sequence[Path], column: str) -> None:
        import pyarrow.parquet as pq

        self._column = column
        opened = [(path, pq.ParquetFile(path, memory_map=True)) for path in files]
        self._groups = [
            (path, file, group, file.metadata.row_group(group).num_rows)
            for path, file in opened
            for group in range(file.num_row_groups)
        ]
        self._ends: list[int] = []
        total = 0
        for *_, num_rows in self._groups:
            total += num_rows
            self._ends.append(total)
        self._loaded: tuple[int, Any] = (-1, None)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        group = bisect.bisect_right(self._ends, index)
        if self._loaded[0] != group:
            self._loaded = (group, self._read(group))
        start = self._ends[group - 1] if group else 0
        value = self._loaded[1][index - start].as_py()
        return value if value is not None else b""  # an empty file cannot be decoded, and is reported as such

    def _read(self, group: int) -> pa.Array:
        import pyarrow as pa

        path, file, number, _ = self._groups[group]
        try:
            table = file.read_row_group(number, columns=[self._column])
        except (pa.ArrowException, OSError) as error:  # pages may be damaged where the metadata are not
            raise DataError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
        column = table.column(0).combine_chunks()
        return column.field("bytes") if pa.types.is_struct(column.type) else column


def _files_by_split(path: Path) -> dict[str, list[Path]]:
    if path.is_file():
        return {"train": [path]}
    splits: dict[str, list[Path]] = {}
    for file in sorted(path.rglob("*.parquet")):
        splits.setdefault(split_of(file.relative_to(path)), []).append(file)
    unnamed = splits.pop("", [])
    if unnamed and "train" in splits:
        raise DataError(f"{unnamed[0]} says neither train nor validation nor test, as the other Parquet files there do")
    if unnamed:
        splits["train"] = unnamed
    for files in splits.values():
        _check_shards(files)
    return splits


def _check_shards(files: list[Path]) -> None:
    """Raise unless every shard that the names promise is there."""
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


def _read_split(name: str, files: list[Path]) -> tuple[tuple[str, list[Path], str], list[Any], Sequence[str] | None]:
    """Return what its images are read with, its labels as they stand, and class names from the metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    labels: list[Any] = []
    names: Sequence[str] | None = None
    image_column = label_column = ""
    for file in files:
        try:
            schema = pq.read_schema(file)
            image_column, label_column = _image_column(schema, file), _label_column(schema, file)
            names = names or _class_names(schema, label_column)
            labels += pq.ParquetFile(file).read(columns=[label_column]).column(0).to_pylist()
        except pa.ArrowException as error:
            raise DataError(f"{file} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    return (name, files, image_column), labels, names


def _image_column(schema: pa.Schema, file: Path) -> str:
    import pyarrow as pa

    def holds_images(kind: pa.DataType) -> bool:
        if pa.types.is_struct(kind):
            return kind.get_field_index("bytes") >= 0
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    candidates = [field.name for field in schema if holds_images(field.type)]
    for name in _IMAGE_COLUMNS:
        if name in candidates:
            return name
    if len(candidates) == 1:
        return str(candidates[0])
    raise DataError(
        f"{file} has {'several columns' if candidates else 'no column'} of image bytes; expected one called 'image' "
        f"or 'img' (its columns: {', '.join(schema.names)})"
    )


def _label_column(schema: pa.Schema, file: Path) -> str:
    for name in _LABEL_COLUMNS:
        if name in schema.names:
            return name
    raise DataError(f"{file} has no column called 'label' (its columns: {', '.join(schema.names)})")


def _class_names(schema: pa.Schema, column: str) -> Sequence[str] | None:
    raw = (schema.metadata or {}).get(b"huggingface")
    if raw is None:
        return None
    try:
        names = json.loads(raw)["info"]["features"][column]["names"]
    except (ValueError, KeyError, TypeError):  # metadata is optional, and others write it too
        return None
    if isinstance(names, Mapping):
        names = [names[str(k)] for k in range(len(names))]
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def _classes(
    labels: list[list[Any]], names: Sequence[str] | None, path: Path
) -> tuple[tuple[str, ...], dict[Any, int]]:
    """Return class names, and the class index of each label as it stands."""
    values = {label for each in labels for label in each}
    if None in values:
        raise DataError(f"{path} has rows without a label")
    if all(isinstance(value, str) for value in values):
        ordered = sorted(values)
        return tuple(ordered), {value: k for k, value in enumerate(ordered)}
    if not all(isinstance(value, int) for value in values):
        raise DataError(f"the labels in {path} are neither integers nor strings")
    if min(values) < 0:
        raise DataError(f"{path} has rows with the label {min(values)}")
    if names is not None:
        if max(values) >= len(names):
            raise DataError(f"{path} names {len(names)} classes, but has the label {max(values)}")
        return tuple(names), {k: k for k in range(len(names))}
    ordered_ints = sorted(values)
    return tuple(str(value) for value in ordered_ints), {value: k for k, value in enumerate(ordered_ints)}


def _split(images: tuple[str, list[Path], str], labels: list[Any], label_of: dict[Any, int], path: Path) -> Split:
    import numpy as np

    name, files, column = images
    labels_N: NDArray[np.int64] = np.fromiter((label_of[label] for label in labels), dtype=np.int64, count=len(labels))
    if not len(labels_N):
        raise DataError(f"the {name} split in {path} has no rows")
    return Split(encoded=ParquetImages(files, column), labels=labels_N, signature=files_signature(files))
