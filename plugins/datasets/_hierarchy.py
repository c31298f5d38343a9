"""Class hierarchies of your own images: from nested class folders, a file of parents, or a column of a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from plugins.datasets._labels import tidy
from zoo import ClassHierarchy
from zoo.errors import DataError
from zoo.files.plain_files import TABLE, read_bytes

FOLDERS = "folders"
"""Value of ``data.hierarchy`` for nested class folders: ``PATH/animal/insect/ant/1.jpg``."""

_COLUMNS = ("name", "parent")


def from_groups(
    classes: tuple[str, ...], index_of: Mapping[str, int], found: Iterable[tuple[str, tuple[str, ...]]], *, source: str
) -> ClassHierarchy | None:
    """Return the hierarchy in which each label has the groups that were found with it; None if none has any.

    Args:
        classes: Names of the classes.
        index_of: Class of each label.
        found: Labels, each with its groups, the widest first.
        source: What errors call the source.

    Raises:
        DataError: If a class was found in two places, or is a group as well.
    """
    rows: dict[int, tuple[str, ...]] = {}
    for label, groups in found:
        named = tuple(map(tidy, groups))
        before = rows.setdefault(index_of[label], named)
        if before != named:
            places = " and ".join(repr("/".join(each)) if each else "no group" for each in sorted({before, named}))
            raise DataError(f"{source}: class {tidy(label)!r} is in {places}; a class belongs in one place")
    if not any(rows.values()):
        return None
    return _hierarchy(source, classes, tuple(rows.get(index, ()) for index in range(len(classes))))


def from_file(path: Path, classes: tuple[str, ...]) -> ClassHierarchy:
    """Return the hierarchy in a CSV file with the columns name and parent, of classes and of groups.

    Raises:
        DataError: If the file cannot be read, has other columns, two parents for a name, or no parent of any class.
    """
    source = f"the class hierarchy {path}"
    try:
        text = read_bytes(path, TABLE).decode("utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise DataError(f"{source} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    rows = [[tidy(cell) for cell in row] for row in csv.reader(io.StringIO(text, newline="")) if any(row)]
    if not rows or tuple(cell.lower() for cell in rows[0]) != _COLUMNS:
        raise DataError(
            f"{source} must have the columns {','.join(_COLUMNS)}, and has {','.join(rows[0] if rows else ())}"
        )
    parents: dict[str, str] = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(_COLUMNS) or not row[0]:
            raise DataError(f"{source} has a row {number} that is not a name and its parent: {row!r}")
        name, parent = row
        if parents.setdefault(name, parent) != parent:
            raise DataError(f"{source} puts {name!r} below both {parents[name]!r} and {parent!r}")
    try:
        return ClassHierarchy.from_parents(classes, parents)
    except ValueError as error:
        raise DataError(f"{source}: {error}") from error


def _hierarchy(source: str, classes: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> ClassHierarchy:
    try:
        return ClassHierarchy(classes=classes, ancestors=rows)
    except ValueError as error:
        raise DataError(f"{source}: {error}") from error
