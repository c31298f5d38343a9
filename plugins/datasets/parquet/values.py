"""The values of a column: images read on access, a row group at a time, and the paths in place of them."""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TypeVar, overload

from plugins.datasets.parquet.columns import lacks_bytes
from zoo.errors import DataError
from zoo.files.foreign_files import HEAD_BYTES, kind_of, table_kind
from zoo.files.plain_files import PACK, open_plain
from zoo.text import error_message, one_line

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


ItemT = TypeVar("ItemT")


class ParquetImages(Sequence[bytes]):
    """The images of several files, in order, read on access; reading in ascending order is fast."""

    def __init__(self, files: Sequence[Path], column: str) -> None:
        self._column = column
        opened = [(path, open_parquet(path)) for path in files]
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
        with damage_named(path):  # pages may be damaged even if the metadata are not
            column = file.read_row_group(number, columns=[self._column]).column(0).combine_chunks()
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
            rows = [row for file in self._files for row in values_of(open_parquet(file), f"{self._column}.path", file)]
            self._names = [(row or {}).get("path") or "" for row in rows]
        return self._names[index]


class Rows(Sequence[ItemT]):
    """Some rows of a sequence, read on access."""

    def __init__(self, values: Sequence[ItemT], rows: Sequence[int]) -> None:
        self._values, self._rows = values, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> ItemT: ...
    @overload
    def __getitem__(self, index: slice) -> list[ItemT]: ...
    def __getitem__(self, index: int | slice) -> ItemT | list[ItemT]:
        if isinstance(index, slice):
            return [self._values[row] for row in self._rows[index]]
        return self._values[self._rows[index]]


@contextmanager
def damage_named(path: Path, problem: str = "is damaged") -> Iterator[None]:
    """Report what the body raises as a ``DataError`` that names the file.

    Metadata, schemas and pages may each be damaged. The reader then raises Arrow's exceptions, but a ``KeyError``, a
    ``UnicodeDecodeError``, a ``MemoryError`` and others too.
    """
    try:
        yield
    except (DataError, ImportError):
        raise
    except Exception as error:
        reason = getattr(error, "strerror", None) or error_message(error, max_length=200) or type(error).__name__
        remedy = "" if getattr(error, "errno", None) else "; copy or download it again"
        raise DataError(f"{path} {problem}: {reason.rstrip('.')}{remedy}") from error


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a Parquet file.

    Raises:
        DataError: If it is not a plain file, is no Parquet file, or states more rows than it has bytes.
    """
    import pyarrow.parquet as pq

    with damage_named(path, "cannot be read"), open_plain(path, PACK) as file:
        num_bytes = os.fstat(file.fileno()).st_size
        head = file.read(HEAD_BYTES)
    if not head.startswith(b"PAR1") and (kind := kind_of(path, head) or table_kind(head)):
        raise DataError(f"{path} {kind}")
    with damage_named(path, "cannot be read as Parquet"):
        parquet = pq.ParquetFile(path, memory_map=True)
    # A column of equal values takes a few bytes, whatever the number of rows that it states.
    if parquet.metadata.num_rows > num_bytes:
        raise DataError(f"{path} states {parquet.metadata.num_rows:,} rows, and has only {num_bytes:,} bytes")
    return parquet


def values_of(parquet: pq.ParquetFile, column: str, path: Path) -> list[Any]:
    """Return the values of a column.

    Raises:
        DataError: If its pages are damaged, which may be so even if the metadata are not.
    """
    with damage_named(path):
        values: list[Any] = parquet.read(columns=[column]).column(0).to_pylist()
    return values


def paths_instead_of_images(files: Sequence[Path], column: str) -> list[Path] | None:
    """Return the image files of a split if its column contains paths without bytes; None if it contains images.

    Raises:
        DataError: If a file does not exist, or is outside the folder of its Parquet file.
    """
    import pyarrow as pa

    found: list[Path] = []
    for file in files:
        parquet = open_parquet(file)
        kind = parquet.schema_arrow.field(column).type
        if pa.types.is_struct(kind):
            with damage_named(file):
                has_bytes = not lacks_bytes(parquet, column)
            if has_bytes:
                return None
        elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            return None
        for value in values_of(parquet, column, file):
            name = value["path"] if isinstance(value, dict) else value
            if not name or (isinstance(value, dict) and value["bytes"] is not None):
                raise DataError(f"{file} has images in some rows, and only paths in others, or neither")
            image = file.parent / name
            if PurePath(name).is_absolute() or ".." in PurePath(name).parts or not image.is_file():
                shown = one_line(name, max_length=100)
                raise DataError(
                    f"{file} holds paths instead of images, but there is no {shown!r} beside it: put the image files "
                    "there, or save the images in the table"
                )
            found.append(image)
    return found
