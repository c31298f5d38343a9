"""CSV tables of images: the file's conventions are detected if they are unambiguous, and can be set by options.

=============  =====================================================  ============================================
what           detected by                                            option
=============  =====================================================  ============================================
encoding       byte order mark (UTF-8, UTF-16), else UTF-8            ``data.encoding``
delimiter      the one of , ; tab | that splits the first line into   ``data.delimiter``
               the columns
columns        their names, ignoring case:                            ``data.path_column``, ``data.label_column``,
               :data:`COLUMN_NAMES`                                   ``data.split_column``, ``data.group_column``,
                                                                      ``data.slice_column``,
                                                                      ``data.hierarchy_column``
=============  =====================================================  ============================================
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plugins.datasets._labels import tidy
from zoo.errors import DataError
from zoo.files.foreign_files import HEAD_BYTES, kind_of
from zoo.files.plain_files import TABLE, read_bytes
from zoo.options import Option
from zoo.text import one_line

COLUMN_NAMES = {
    "path": (
        "path", "image", "filename", "file", "filepath", "file_path", "file_name", "image_path", "image_name",
        "image_file", "img", "img_path", "image_id",
    ),
    "label": ("label", "class", "target", "category", "label_name", "class_name", "labels", "classname"),
    "split": ("split", "subset", "set"),
    "group": ("group", "group_id", "groups", "patient", "patient_id", "subject", "subject_id"),
    "slice": ("slice", "slices"),
    "hierarchy": ("hierarchy", "superclass", "super_class"),
}  # fmt: skip
"""Names of each column, in order of preference, as :func:`plain` returns them."""

TABLE_OPTIONS: Mapping[str, Option] = {
    "delimiter": "",
    "encoding": "",
    "path_column": "",
    "label_column": "",
    "split_column": "",
    "group_column": "",
    "slice_column": "",
    "hierarchy_column": "",
}

_DELIMITERS = (",", ";", "\t", "|")
_NAMED_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TableRow:
    """A row of a table, with unprocessed cells."""

    line: int
    path: str
    label: str
    split: str
    group: str
    slice: str = ""
    hierarchy: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvTable:
    """The rows of a CSV file, and the names of its columns."""

    rows: tuple[TableRow, ...]
    columns: Mapping[str, str]
    """Name in the file of each of the columns path, label, split, group, slice and hierarchy, if present."""
    unread: tuple[str, ...] = ()
    """Names of the other columns."""


def plain(name: str) -> str:
    """Return a column's name in lower case with underscores, as known names are written: ``Patient ID``."""
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def unread_note(names: Iterable[str], options: Iterable[str]) -> list[str]:
    """Return a note on the columns that are not read, which may hold splits or groups; *options* choose columns."""
    shown = [one_line(name, max_length=40) for name in names if name]
    return [f"columns that are not read: {listed(shown)} ({' and '.join(options)} choose columns)"] if shown else []


def listed(names: Sequence[str]) -> str:
    """Return the first of the names of columns for a sentence."""
    return ", ".join(map(repr, names[:10])) + (" …" if len(names) > 10 else "") if any(names) else "nothing"


def read_table(path: Path, options: Mapping[str, Option]) -> CsvTable:
    """Read a CSV file with columns for paths and labels, and optionally for splits, groups, slices and the hierarchy.

    Raises:
        DataError: If the file cannot be read, a column is missing or ambiguous, or a row is too short or long.
    """
    lines = list(io.StringIO(_text(path, str(options.get("encoding") or "")), newline=""))
    first = 0
    stated = str(options.get("delimiter") or "")
    delimiter = _NAMED_DELIMITERS.get(stated, stated)
    if lines and lines[0].strip().lower().startswith("sep=") and len(lines[0].strip()) == 5:  # as Excel writes it
        first, delimiter = 1, delimiter or lines[0].strip()[-1]
    if len(delimiter) > 1:
        raise DataError(f"csv: data.delimiter must be one character or tab, not {stated!r}")
    try:
        header, delimiter = _header(lines[first] if first < len(lines) else "", delimiter, options)
        places = _places(path, header, options)
        rows = []
        reader = csv.reader(lines[first:], delimiter=delimiter)
        next(reader, None)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            line = reader.line_num + first
            if len(cells) != len(header):
                raise DataError(
                    f"csv: line {line} of {path} has {len(cells)} fields, but the first line has {len(header)}; "
                    f"cells that contain {delimiter!r} must be in quotes"
                )
            row = {name: cells[place] if place >= 0 else "" for name, place in places.items()}
            rows.append(TableRow(line=line, **row))
    except csv.Error as error:
        raise DataError(f"csv: {path} is not a CSV file: {error}") from error
    read = {place: name for name, place in places.items() if place >= 0}
    return CsvTable(
        rows=tuple(rows),
        columns={name: header[place] for place, name in read.items()},
        unread=tuple(name for place, name in enumerate(header) if place not in read),
    )


def _text(path: Path, encoding: str) -> str:
    try:
        content = read_bytes(path, TABLE)
    except OSError as error:
        raise DataError(f"csv: {path} cannot be read: {error.strerror or error}") from error
    if kind := kind_of(path, content[:HEAD_BYTES]):
        raise DataError(f"csv: {path} {kind}")
    found = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), "utf-8")
    if b"\0" in content[:100] and found == "utf-8" and not encoding:
        raise DataError(
            f"csv: {path} is not utf-8 text: save it as UTF-8, or set data.encoding (utf-16-le or utf-16-be if it is "
            "UTF-16 without a byte order mark)"
        )
    if content.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in (b"{", b"["):
        raise DataError(f"csv: {path} is JSON: save it as a table with the columns path and label")
    try:
        return content.decode(encoding or found)
    except LookupError as error:
        raise DataError(f"csv: {encoding!r} is not an encoding, such as utf-8, utf-16 or cp1252") from error
    except UnicodeError as error:
        raise DataError(
            f"csv: {path} is not {encoding or found} text: save it as UTF-8, or set data.encoding (such as cp1252 for "
            "tables from Windows)"
        ) from error


def _header(line: str, delimiter: str, options: Mapping[str, Option]) -> tuple[list[str], str]:
    """Return the column names, and the delimiter that yields the most known ones."""
    tried = {each: [tidy(cell) for cell in next(csv.reader([line], delimiter=each), [])] for each in _DELIMITERS}
    if delimiter:
        return [tidy(cell) for cell in next(csv.reader([line], delimiter=delimiter), [])], delimiter
    known = {name for names in COLUMN_NAMES.values() for name in names}
    known |= {plain(str(options.get(f"{name}_column") or "")) for name in COLUMN_NAMES} - {""}

    def rank(each: str) -> tuple[int, int]:
        return len({plain(cell) for cell in tried[each]} & known), len(tried[each])

    best = max(_DELIMITERS, key=rank)
    return tried[best], best


def _places(path: Path, header: list[str], options: Mapping[str, Option]) -> dict[str, int]:
    """Return the position of each column in the header, -1 if it is absent."""
    places = {}
    lowered = [plain(name) for name in header]
    for column, names in COLUMN_NAMES.items():
        stated = str(options.get(f"{column}_column") or "")
        if stated:
            if plain(stated) not in lowered:
                raise DataError(f"csv: {path} has no column {stated!r}; its columns are {listed(header)}")
            places[column] = header.index(stated) if stated in header else lowered.index(plain(stated))
            continue
        present = [name for name in names if name in lowered]
        if lowered.count(present[0] if present else "") > 1 or (len(present) > 1 and present[0] != column):
            raise DataError(
                f"csv: several columns of {path} could hold the {column}: {', '.join(map(repr, present))}; set "
                f"data.{column}_column to the one that does"
            )
        places[column] = lowered.index(present[0]) if present else -1
    missing = [name for name in ("path", "label") if places[name] < 0]
    if any(name and (path.parent / name).is_file() for name in header):
        raise DataError(
            f"csv: the first line of {path} is an image already ({listed(header)}): write the names of the columns "
            "above it, such as path,label"
        )
    if missing:
        raise DataError(
            f"csv: the first line of {path} must name the columns path and label, and may name split, group, slice and "
            f"hierarchy; it has {listed(header)}: rename them, or set "
            f"{' and '.join(f'data.{name}_column' for name in missing)} (or data.delimiter if another character "
            "separates the columns)"
        )
    return places
