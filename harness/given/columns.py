"""Columns: the tables in files of predictions made elsewhere, read with limits and without running anything of theirs.

=========  ===========================================================================================
kind       what is read
=========  ===========================================================================================
CSV        text, separated by commas, semicolons or tabs, with names in the first line; ``.txt`` is read alike
Parquet    columns of numbers and text, and lists of numbers of one length
NPZ        arrays of numbers or text, ``[N]`` or ``[N, K]``, without pickled objects
JSON       a list of objects, an object of lists, or an object with the prediction of each id; or an object a line
gzip       any of these, as ``.csv.gz``
=========  ===========================================================================================

Shape suffixes: N images, K classes.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.given.column_names import CLASSES_COLUMNS, TEXT_COLUMNS
from harness.given.json_layouts import from_json, from_json_lines, matrix, vector
from harness.system.free_memory import free_bytes
from zoo.errors import DataError
from zoo.files.plain_files import TABLE, read_bytes
from zoo.files.sizes import size_text
from zoo.text import one_line

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_DELIMITERS = (",", ";", "\t")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How text begins that spreadsheets save as Unicode."""
_DAMAGED = (
    ValueError, OSError, KeyError, TypeError, EOFError, zipfile.BadZipFile, MemoryError, NotImplementedError,
    OverflowError, SyntaxError, tokenize.TokenError, zlib.error,
)  # fmt: skip
"""What the readers of the kinds raise; NumPy parses the headers of arrays as Python."""
_PACKED = ".gz"
_BYTES_PER_CHARACTER = 16
"""Memory that a character of a table takes while it is read, in cells of few characters."""
_BATCH_ROWS = 1024
"""Rows of a Parquet file that are read at a time."""
_FEW_COLUMNS = 3
"""Maximum number of columns of a CSV file whose cells are all kept as text; in wider files, most columns are scores."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Columns:
    """The columns of a file."""

    path: Path
    sha256: str
    by_name: Mapping[str, NDArray[Any]]
    """Columns of text or numbers, ``[N]`` or ``[N, K]``, all of the same N."""
    classes: tuple[str, ...] = ()
    """Names of the classes in the order of the file's scores and numbers, if it states them."""

    @property
    def name(self) -> str:
        """The file's name without its folder, for sentences."""
        return one_line(self.path.name, max_length=100)

    def error(self, problem: str) -> DataError:
        """Return an error about the file."""
        return DataError(f"{one_line(self.path, max_length=300)}: {problem}")


def read_columns(path: Path) -> Columns:
    """Read the columns of a file, whose suffix (before a ``.gz``) says what kind it is.

    Raises:
        DataError: If it cannot be read, or is not what its suffix says.
    """
    where = one_line(path, max_length=300)
    is_packed = path.suffix.lower() == _PACKED
    read = _READERS.get((path.with_suffix("") if is_packed else path).suffix.lower())
    if read is None:
        raise DataError(
            f"{where}: expected a file that ends in {', '.join(_READERS)}, or in one of these and {_PACKED}"
        )
    try:
        content = read_bytes(path, TABLE)
    except OSError as error:
        raise DataError(f"{where} cannot be read: {error.strerror or error}") from error
    try:
        by_name = read(_unpacked(content) if is_packed else content)
        stated = next((by_name.pop(name) for name in list(by_name) if name.lower() in CLASSES_COLUMNS), None)
        classes = () if stated is None else tuple(map(str, stated.tolist()))
    except _DAMAGED as error:
        raise DataError(f"{where} cannot be read: {one_line(error, max_length=200) or type(error).__name__}") from error
    found = Columns(path=path, sha256=hashlib.sha256(content).hexdigest(), by_name=by_name, classes=classes)
    if len(set(classes)) < len(classes):
        raise found.error("two of the classes that it states have the same name")
    lengths = {name: len(values) for name, values in by_name.items()}
    if not lengths or not all(lengths.values()):
        raise found.error("it holds no predictions")
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{one_line(name, max_length=40)} {count:,}" for name, count in list(lengths.items())[:4])
        raise found.error(f"its columns have different lengths: {listed}")
    return found


def without_endings(path: Path) -> str:
    """Return the name of a file without its ending, and without that of its kind where it is packed."""
    return path.with_suffix("").stem if path.suffix.lower() == _PACKED else path.stem


def _unpacked(content: bytes) -> bytes:
    most = _memory_limit() // _BYTES_PER_CHARACTER
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        unpacked = file.read(most + 1)
    if len(unpacked) > most:
        raise ValueError(f"unpacked, it takes more than {size_text(most)}")
    return unpacked


def _from_csv(content: bytes) -> dict[str, NDArray[Any]]:
    try:
        return _of_csv(content)
    except csv.Error as error:
        raise ValueError(str(error)) from None


def _of_csv(content: bytes) -> dict[str, NDArray[Any]]:
    try:
        text = content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None
    if "\n" not in text:  # lines end in carriage returns alone, as in old spreadsheets
        text = text.replace("\r", "\n")
    while text.startswith(("#", "sep=")):  # a comment before the names, or a spreadsheet's note on the delimiter
        text = text.partition("\n")[2]
    lines = io.StringIO(text, newline="")
    first = lines.readline()
    delimiter = max(_DELIMITERS, key=first.count)
    header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
    if len(header) < 2 or any(_is_number(name) for name in header[:1]):
        raise ValueError("its first line must name at least two columns, such as id,prediction")
    check_names(header)
    rows = csv.reader(lines, delimiter=delimiter)
    is_wide = len(header) > _FEW_COLUMNS
    sample = next(csv.reader([text[len(first) :].partition("\n")[0]], delimiter=delimiter), [])
    texts = [
        place
        for place, name in enumerate(header)
        if not is_wide or name.lower() in TEXT_COLUMNS or not _is_number("".join(sample[place : place + 1]))
    ]
    is_text = set(texts)
    numbers = [place for place in range(len(header)) if place not in is_text]
    of_texts: list[list[str]] = [[] for _ in texts]
    of_numbers: list[NDArray[np.float64]] = []
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise ValueError(f"line {rows.line_num + 1} has {len(cells)} fields, but the first has {len(header)}")
        for column, place in zip(of_texts, texts, strict=True):
            column.append(cells[place].strip())
        if numbers:
            of_numbers.append(_numbers([cells[place] for place in numbers], rows.line_num + 1))
    scores_NK = np.stack(of_numbers) if of_numbers else np.empty((0, len(numbers)))
    found: dict[int, NDArray[Any]] = {
        **{place: np.array(cells, dtype=np.str_) for place, cells in zip(texts, of_texts, strict=True)},
        **{place: scores_NK[:, column] for column, place in enumerate(numbers)},
    }
    return {name: found[place] for place, name in enumerate(header)}


def _numbers(cells: Sequence[str], line: int) -> NDArray[np.float64]:
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError:
        bad = next(cell for cell in cells if not _is_number(cell))
        raise ValueError(f"line {line} holds {one_line(bad, max_length=40)!r}, which is not a number") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_names(names: Sequence[str]) -> None:
    """Raise a ``ValueError`` if two columns have the same name."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"two columns are called {one_line(name, max_length=40)!r}")
        seen.add(name)


def _from_parquet(content: bytes) -> dict[str, NDArray[Any]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ValueError("Parquet files need pyarrow: pip install pyarrow") from None
    try:
        table = _bounded(pq.ParquetFile(pa.BufferReader(content)), len(content))
        check_names(table.column_names)
        return {name: _of_arrow(table.column(name).combine_chunks()) for name in table.column_names}
    except pa.ArrowException as error:
        raise ValueError(f"it is not a Parquet file that pyarrow reads: {error}") from None


def _bounded(parquet: pq.ParquetFile, num_bytes: int) -> pa.Table:
    """Read a table, part by part, as equal values take almost nothing in the file.

    Raises:
        ValueError: If it states more rows than the file has bytes, or takes too much memory.
    """
    import pyarrow as pa

    if parquet.metadata.num_rows > num_bytes:
        raise ValueError(f"it states {parquet.metadata.num_rows:,} rows, and has only {num_bytes:,} bytes")
    batches, left = [], _memory_limit()
    for batch in parquet.iter_batches(batch_size=_BATCH_ROWS):
        left -= batch.nbytes
        if left < 0:
            raise ValueError(f"its columns take more than {size_text(_memory_limit())}")
        batches.append(batch)
    return pa.Table.from_batches(batches, parquet.schema_arrow)


def _memory_limit() -> int:
    """Return how much memory the columns of a file may take."""
    free = free_bytes()
    return TABLE.max_bytes if free is None else min(TABLE.max_bytes, free // 4)


def _of_arrow(column: Any) -> NDArray[Any]:
    values = column.to_pylist()
    if values and isinstance(values[0], list):
        return matrix(values)
    return vector(values)


def _from_npz(content: bytes) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > _memory_limit():
        raise ValueError(
            f"its arrays take {size_text(size)}, and those of a file may take {size_text(_memory_limit())}"
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        try:
            # A single number or text, such as an epoch, is a fact about the table.
            return {name: _array(name, array) for name in arrays.files if (array := arrays[name]).ndim}
        except ValueError as error:
            if "allow_pickle" not in str(error):
                raise
            raise ValueError(
                "it has an array of Python objects, which are never loaded; save text as text: np.array(ids, dtype=str)"
            ) from None


def _array(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind not in "Uiufb" or array.ndim not in (1, 2):
        raise ValueError(
            f"its array {one_line(name, max_length=40)!r} is {array.dtype} of shape {list(array.shape)}; expected "
            "numbers or text, [N] or [N, K]"
        )
    return array


_READERS: Mapping[str, Callable[[bytes], dict[str, NDArray[Any]]]] = {
    ".csv": _from_csv,
    ".tsv": _from_csv,
    ".txt": _from_csv,
    ".parquet": _from_parquet,
    ".npz": _from_npz,
    ".json": from_json,
    ".jsonl": from_json_lines,
    ".ndjson": from_json_lines,
}
