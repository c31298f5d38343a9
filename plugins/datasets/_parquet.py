"""Parquet files of images, in the layout of the Hugging Face Hub: an image column and a label column.

The image column contains encoded image files, as ``{bytes, path}`` or bytes. If it contains only paths, these are files
beside the Parquet file. Labels are integers, with or without class names in the schema's metadata, or strings. A list
with a single label is that label. Images are read on access, a row group at a time.
"""

from __future__ import annotations

import bisect
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, overload

from plugins.datasets._assembly import assemble
from plugins.datasets._files import files_signature
from plugins.datasets._labels import name_classes
from plugins.datasets._split_names import split_of
from zoo import Split, Splits
from zoo.errors import DataError
from zoo.files.plain_files import PACK, open_plain
from zoo.options import Option
from zoo.text import plural

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

_SHARD = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<total>\d{5})(-[0-9a-f]+)?")
_IMAGE_COLUMNS = ("img", "image", "jpg", "jpeg", "png", "webp", "picture", "photo")
_PATH_COLUMNS = ("path", "image_path", "file_name", "filename", "file", *_IMAGE_COLUMNS)
_LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "target", "cls", "category", "class_label")

PARQUET_OPTIONS: Mapping[str, Option] = {"image_column": "", "label_column": ""}
"""Names of the columns, if they cannot be detected by their types and names."""


def load_parquet(
    path: Path, options: Mapping[str, Option] | None = None, *, validation_is_test: bool = False
) -> Splits:
    """Read a Parquet file, or a folder of them.

    A file's split is given by the word train, validation (val, dev) or test in its name, or else in the name of its
    folder. If no file is named train, files without such a word are training files. With *validation_is_test*, as for
    ImageNet, whose test labels are not public, validation replaces a test split that is missing or has no labels.

    Raises:
        DataError: If a file cannot be read, a shard is missing, or there is no image or label column.
    """
    files = _files_by_split(path)
    if not files:
        raise DataError(f"{path} holds no Parquet file")
    options = options or {}
    read = {name: _read_split(paths, options) for name, paths in files.items()}
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
        [each.labels for each in splits.values()], splits["train"].names, path, options.get("twins", "error")
    )
    return assemble(
        classes,
        {name: _split(name, each, index_of, path) for name, each in splits.items()},
        options,
        source=str(path),
        notes=[*class_notes, *notes],
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _RawSplit:
    """The rows of a split, before labels are mapped to class indices."""

    files: list[Path]
    image_column: str
    labels: list[Any]
    names: Sequence[str] | None
    """Class names from the metadata, if any."""


class ParquetImages(Sequence[bytes]):
    """The images of several files, in order, read on access; reading in ascending order is fast."""

    def __init__(self, files: Sequence[Path], column: str) -> None:

        self._column = column
        opened = [(path, _open_parquet(path)) for path in files]
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
        except (pa.ArrowException, OSError) as error:  # pages may be damaged even if the metadata are not
            raise DataError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
        column = table.column(0).combine_chunks()
        return column.field("bytes") if pa.types.is_struct(column.type) else column


class ParquetNames(Sequence[str]):
    """The file names that a column of encoded images states beside their bytes, read on first access; "" for none."""

    def __init__(self, files: Sequence[Path], column: str, num_images: int) -> None:
        self._files, self._column, self._num_images = files, column, num_images
        self._names: list[str] | None = None

    def __len__(self) -> int:
        return self._num_images

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if self._names is None:
            rows = [row for file in self._files for row in _values(_open_parquet(file), f"{self._column}.path", file)]
            self._names = [(row or {}).get("path") or "" for row in rows]
        return self._names[index]


def _files_by_split(path: Path) -> dict[str, list[Path]]:
    if path.is_file():
        return {"train": [path]}
    splits: dict[str, list[Path]] = {}
    for file in sorted(path.rglob("*.parquet")):
        splits.setdefault(split_of(file.relative_to(path)), []).append(file)
    unnamed = splits.pop("", [])
    if unnamed and "train" in splits:
        raise DataError(
            f"{unnamed[0]} is called neither train nor validation nor test, unlike the other Parquet files there"
        )
    if unnamed:
        splits["train"] = unnamed
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


def _open_parquet(path: Path) -> pq.ParquetFile:
    """Open a Parquet file.

    Raises:
        DataError: If it is not a plain file, or states more rows than it has bytes.
        pyarrow.ArrowException: If it is no Parquet file.
    """
    import pyarrow.parquet as pq

    try:
        with open_plain(path, PACK) as file:
            num_bytes = os.fstat(file.fileno()).st_size
        parquet = pq.ParquetFile(path, memory_map=True)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    # A column of equal values takes a few bytes, whatever the number of rows that it states.
    if parquet.metadata.num_rows > num_bytes:
        raise DataError(f"{path} states {parquet.metadata.num_rows:,} rows, and has only {num_bytes:,} bytes")
    return parquet


def _values(parquet: pq.ParquetFile, column: str, path: Path) -> list[Any]:
    """Return the values of a column.

    Raises:
        DataError: If its pages are damaged, which may be so even if the metadata are not.
    """
    import pyarrow as pa

    try:
        values: list[Any] = parquet.read(columns=[column]).column(0).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
    return values


def _read_split(files: list[Path], options: Mapping[str, Option]) -> _RawSplit:
    import pyarrow as pa

    labels: list[Any] = []
    names: Sequence[str] | None = None
    image_column = label_column = ""
    for file in files:
        try:
            parquet = _open_parquet(file)
            schema = parquet.schema_arrow
            image_column = _image_column(schema, file, str(options.get("image_column") or ""))
            label_column = _label_column(schema, file, str(options.get("label_column") or ""))
            names = names or _class_names(schema, label_column)
            raw = _values(parquet, label_column, file)
        except pa.ArrowException as error:
            raise DataError(f"{file} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
        labels += [_single(label, file) for label in raw]
    return _RawSplit(files=files, image_column=image_column, labels=labels, names=names)


def _single(label: Any, file: Path) -> Any:
    """Return a label, which may be in a list with a single item, or a whole number stored as a float."""
    if isinstance(label, list):
        if len(label) != 1:
            raise DataError(
                f"{file} has rows with {len(label)} labels, but each image needs exactly one: keep one, or choose "
                "another column with data.label_column"
            )
        label = label[0]
    if isinstance(label, float):
        return None if math.isnan(label) else int(label) if label.is_integer() else label
    return label


def _image_column(schema: pa.Schema, file: Path, stated: str) -> str:
    import pyarrow as pa

    def holds_images(kind: pa.DataType) -> bool:
        if pa.types.is_struct(kind):
            return kind.get_field_index("bytes") >= 0
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    def holds_text(kind: pa.DataType) -> bool:
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

    _check_stated(schema, file, stated, "image_column")
    candidates = [field.name for field in schema if holds_images(field.type)]
    paths = [field.name for field in schema if holds_text(field.type) and field.name in _PATH_COLUMNS]
    if stated:
        return stated
    for name in _IMAGE_COLUMNS:
        if name in candidates:
            return name
    if len(candidates) == 1 or (not candidates and len(paths) == 1):
        return str((candidates or paths)[0])
    raise DataError(
        f"{file} has {'several columns' if candidates else 'no column'} of image bytes; expected one called 'image' "
        f"or 'img', or set data.image_column (its columns: {', '.join(schema.names)})"
    )


def _label_column(schema: pa.Schema, file: Path, stated: str) -> str:
    _check_stated(schema, file, stated, "label_column")
    for name in (stated,) if stated else _LABEL_COLUMNS:
        if name in schema.names:
            return name
    raise DataError(
        f"{file} has no column called 'label': set data.label_column (its columns: {', '.join(schema.names)})"
    )


def _check_stated(schema: pa.Schema, file: Path, stated: str, option: str) -> None:
    if stated and stated not in schema.names:
        raise DataError(f"{file} has no column {stated!r} (data.{option}); its columns are {', '.join(schema.names)}")


def _class_names(schema: pa.Schema, column: str) -> Sequence[str] | None:
    raw = (schema.metadata or {}).get(b"huggingface")
    if raw is None:
        return None
    try:
        names = json.loads(raw)["info"]["features"][column]["names"]
    except (ValueError, KeyError, TypeError):  # metadata is optional, and may come from other tools
        return None
    if isinstance(names, Mapping):
        names = [names[str(k)] for k in range(len(names))]
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def _classes(
    labels: list[list[Any]], names: Sequence[str] | None, path: Path, twins: object
) -> tuple[tuple[str, ...], dict[Any, int], tuple[str, ...]]:
    """Return class names, the class index of each original label, and notes."""
    values = {label for each in labels for label in each}
    if None in values:
        raise DataError(f"{path} has rows without a label")
    if all(isinstance(value, str) for value in values):
        return name_classes(values, source=str(path), twins=twins)
    if not all(isinstance(value, int) for value in values):
        raise DataError(f"the labels in {path} are neither whole numbers nor strings")
    if min(values) < 0:
        raise DataError(f"{path} has rows with the label {min(values)}, beside others that are labelled: remove them")
    if names is not None:
        if max(values) >= len(names):
            raise DataError(f"{path} names {len(names)} classes, but has the label {max(values)}")
        return tuple(names), {k: k for k in range(len(names))}, ()
    ordered = sorted(values)
    if len(ordered) < 2:
        raise DataError(f"{path} must have images of at least two classes; all labels are {ordered[0]}")
    return tuple(str(value) for value in ordered), {value: k for k, value in enumerate(ordered)}, ()


def _split(name: str, raw: _RawSplit, index_of: dict[Any, int], path: Path) -> Split:
    import numpy as np

    if not raw.labels:
        raise DataError(f"the {name} split in {path} has no rows")
    labels_N: NDArray[np.int64] = np.fromiter(
        (index_of[label] for label in raw.labels), dtype=np.int64, count=len(raw.labels)
    )
    paths = _paths(raw)
    if paths is not None:
        return Split(encoded=paths, labels=labels_N)
    states_names = all(_states_names(_open_parquet(file).schema_arrow, raw.image_column) for file in raw.files)
    return Split(
        encoded=ParquetImages(raw.files, raw.image_column),
        labels=labels_N,
        file_names=ParquetNames(raw.files, raw.image_column, len(raw.labels)) if states_names else None,
        signature=files_signature(raw.files),
    )


def _states_names(schema: pa.Schema, column: str) -> bool:
    """Return whether a column of images has file names as text beside their bytes."""
    import pyarrow as pa

    kind = schema.field(column).type
    if not pa.types.is_struct(kind) or kind.get_field_index("path") < 0:
        return False
    path = kind.field("path").type
    return bool(pa.types.is_string(path) or pa.types.is_large_string(path))


def _lacks_bytes(metadata: pq.FileMetaData, column: str) -> bool:
    """Return whether all images of a file are missing, without reading them."""
    chunks = [
        chunk
        for group in range(metadata.num_row_groups)
        for index in range(metadata.num_columns)
        if (chunk := metadata.row_group(group).column(index)).path_in_schema == f"{column}.bytes"
    ]
    return bool(chunks) and all(
        chunk.statistics is not None and chunk.statistics.null_count == chunk.num_values for chunk in chunks
    )


def _paths(raw: _RawSplit) -> list[Path] | None:
    """Return the image files of a split if its column contains paths without bytes; None if it contains images.

    Raises:
        DataError: If a file does not exist, or is outside the folder of its Parquet file.
    """
    import pyarrow as pa

    found: list[Path] = []
    for file in raw.files:
        parquet = _open_parquet(file)
        kind = parquet.schema_arrow.field(raw.image_column).type
        if pa.types.is_struct(kind):
            if not _lacks_bytes(parquet.metadata, raw.image_column):
                return None
        elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            return None
        for value in _values(parquet, raw.image_column, file):
            name = value["path"] if isinstance(value, dict) else value
            if not name or (isinstance(value, dict) and value["bytes"] is not None):
                raise DataError(f"{file} has images in some rows, and only paths in others, or neither")
            image = file.parent / name
            if PurePath(name).is_absolute() or ".." in PurePath(name).parts or not image.is_file():
                raise DataError(
                    f"{file} holds paths instead of images, but there is no {name!r} beside it: put the image files "
                    "there, or save the images in the table"
                )
            found.append(image)
    return found
