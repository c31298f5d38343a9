"""The columns of a Parquet file: which hold images, labels, splits, groups, file names and class names.

The image column contains encoded image files, as ``{bytes, path}`` or bytes, or only their paths.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.datasets._csv_table import COLUMN_NAMES, listed, plain
from zoo.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_IMAGE_COLUMNS = ("img", "image", "jpg", "jpeg", "png", "webp", "picture", "photo")
_PATH_COLUMNS = ("path", "image_path", "file_name", "filename", "file", *_IMAGE_COLUMNS)
_LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "target", "cls", "category", "class_label")


def image_column_of(schema: pa.Schema, file: Path, stated: str) -> str:
    """Return the column of images: that which is stated, or else the one that its type and name show.

    Raises:
        DataError: If there is none, or several could be it.
    """
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
        f"or 'img', or set data.image_column (its columns: {listed(schema.names)})"
        f"{'' if candidates else '; save pixels that are numbers as image files first'}"
    )


def label_column_of(schema: pa.Schema, file: Path, stated: str) -> str:
    """Return the column of labels: that which is stated, or else the first with a usual name.

    Raises:
        DataError: If there is none.
    """
    _check_stated(schema, file, stated, "label_column")
    for name in (stated,) if stated else _LABEL_COLUMNS:
        if name in schema.names:
            return name
    raise DataError(f"{file} has no column called 'label': set data.label_column (its columns: {listed(schema.names)})")


def usual_column_of(schema: pa.Schema, file: Path, kind: str, stated: str) -> str:
    """Return the column of groups or of splits: as stated, or the first with a usual name; empty if there is none.

    Args:
        kind: ``group`` or ``split``.
        stated: Its name by the option ``data.KIND_column``; empty if it is not given.

    Raises:
        DataError: If there is no such column.
    """
    _check_stated(schema, file, stated, f"{kind}_column")
    usual = {plain(name): name for name in reversed(schema.names)}
    return stated or next((usual[name] for name in COLUMN_NAMES[kind] if name in usual), "")


def _check_stated(schema: pa.Schema, file: Path, stated: str, option: str) -> None:
    if stated and stated not in schema.names:
        raise DataError(f"{file} has no column {stated!r} (data.{option}); its columns are {listed(schema.names)}")


def class_names_in(schema: pa.Schema, column: str) -> Sequence[str] | None:
    """Return the class names that the metadata of the Hugging Face Hub give a column of labels; None: none."""
    raw = (schema.metadata or {}).get(b"huggingface")
    if raw is None:
        return None
    try:
        names = json.loads(raw)["info"]["features"][column]["names"]
        if isinstance(names, Mapping):
            names = [names[str(k)] for k in range(len(names))]
    except (ValueError, KeyError, TypeError, RecursionError):  # metadata is optional, and may come from other tools
        return None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def states_file_names(schema: pa.Schema, column: str) -> bool:
    """Return whether a column of images has file names as text beside their bytes."""
    import pyarrow as pa

    kind = schema.field(column).type
    if not pa.types.is_struct(kind) or kind.get_field_index("path") < 0:
        return False
    path = kind.field("path").type
    return bool(pa.types.is_string(path) or pa.types.is_large_string(path))


def lacks_bytes(parquet: pq.ParquetFile, column: str) -> bool:
    """Return whether all images of a file are missing, without reading them."""
    import pyarrow as pa

    kind = parquet.schema_arrow.field(column).type
    # Where no row has bytes, writers that are not given a type choose null.
    if pa.types.is_null(kind.field("bytes").type):
        return True
    metadata = parquet.metadata
    chunks = [
        chunk
        for group in range(metadata.num_row_groups)
        for index in range(metadata.num_columns)
        if (chunk := metadata.row_group(group).column(index)).path_in_schema == f"{column}.bytes"
    ]
    return bool(chunks) and all(
        chunk.statistics is not None and chunk.statistics.null_count == chunk.num_values for chunk in chunks
    )
