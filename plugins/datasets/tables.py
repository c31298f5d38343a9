"""Images listed in tables: ``csv:PATH`` and ``parquet:PATH``."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import unquote

from plugins.datasets._assembly import TEST_OPTION, TWINS_OPTION, assemble
from plugins.datasets._csv_table import TABLE_OPTIONS, CsvTable, TableRow, plain, read_table, unread_note
from plugins.datasets._files import find_argument
from plugins.datasets._hierarchy import from_groups
from plugins.datasets._labels import MISSING, name_classes, name_groups, tidy
from plugins.datasets._split_names import role_of
from plugins.datasets.parquet.loading import PARQUET_OPTIONS, load_parquet
from zoo import DataRequest, Dataset, Split, Splits, hookimpl
from zoo.errors import DataError
from zoo.text import plural

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")

_MOST_LOOKED_AT = 20_000
"""Files among which one with a similar name is looked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Listed:
    """An image listed in a table."""

    id: str
    path: Path
    label: str
    split: str
    group: str
    """Name of the group; empty if the image is a group by itself."""
    slice: str
    """Name of the slice; empty if the image is in none."""
    hierarchy: tuple[str, ...]
    """Groups of its class, the widest first."""


def load_csv(request: DataRequest) -> Splits:
    """Read a CSV file with columns for paths and labels, and optionally for splits, groups, slices and the hierarchy.

    See :mod:`plugins.datasets._csv_table` for the names of columns. Paths are relative to the CSV's folder, and may
    lead out of it only with ``data.outside=true``. The id of an image is its path in the table, with slashes. Classes
    are the labels in natural order. Rows may be in any order; a split is train, val or test. Images of a group, such as
    a patient or a plant, stay together when splits are carved; an image with a blank group is a group by itself. Slices
    are parts of the test images that a network can be judged on apart. The hierarchy names the groups that the class of
    an image belongs to, the widest first, with slashes between them: ``animal/insect``.

    Raises:
        DataError: If a column or value is missing, a path is duplicated or does not exist, or there is no train row.
    """
    path = find_argument(request, "csv")
    if path.is_dir():
        raise DataError(f"csv: {path} is a folder: name the CSV file in it, or read it with folder:PATH")
    table = read_table(path, request.options)
    images = sorted(_images(path, table.rows, request), key=lambda image: image.id)
    missing = [image.path for image in images if not image.path.is_file()]
    if missing:
        shown = ", ".join(str(each) for each in missing[:5])
        near = _near_file(path.parent, missing[0])
        raise DataError(
            f"csv: {plural(len(missing), 'listed image')} of {path} not found: {shown}; paths must be "
            f"relative to {path.parent} and include the suffix" + (f"; did you mean {near!r}?" if near else "")
        )
    source = f"csv: {path}"
    classes, index_of, notes = name_classes(
        (image.label for image in images), source=source, twins=request.options.get("twins", "error")
    )
    group_of, group_notes = name_groups({image.group for image in images} - {""})
    num_alone = sum(not image.group for image in images)
    if group_of and num_alone:
        group_notes += (f"{plural(num_alone, 'image')} without a group: each is a group of its own",)
    by_split: dict[str, list[_Listed]] = {}
    for image in images:
        by_split.setdefault(image.split, []).append(image)
    if "train" not in by_split:
        raise DataError(f"csv: {path} has no row whose split is train")
    return assemble(
        classes,
        {name: _split(each, index_of, group_of) for name, each in by_split.items()},
        request.options,
        source=source,
        notes=[*_column_notes(table), *notes, *group_notes],
        hierarchy=from_groups(classes, index_of, ((each.label, each.hierarchy) for each in images), source=source),
    )


def _near_file(folder: Path, missing: Path) -> str:
    """Return the path in *folder* of a file that is called as *missing* but for folder, suffix, case and escapes."""
    wanted = {unquote(missing.stem).casefold(), unquote(missing.name).casefold()}
    seen = 0
    for place, _, names in os.walk(folder):
        for name in names:
            if Path(name).stem.casefold() in wanted:
                return (Path(place) / name).relative_to(folder).as_posix()
        seen += len(names)
        if seen > _MOST_LOOKED_AT:
            break
    return ""


def _column_notes(table: CsvTable) -> list[str]:
    """Return notes on columns that were recognised by other names, and on those that are not read."""
    other = [f"{name!r} for the {column}" for column, name in table.columns.items() if plain(name) != column]
    free = [f"data.{column}_column" for column in ("split", "group", "slice") if column not in table.columns]
    return [
        *([f"columns of the CSV were recognised by their names: {', '.join(other)}"] if other else []),
        *unread_note(table.unread, free or ["data.label_column"]),
    ]


def _images(table: Path, rows: Iterable[TableRow], request: DataRequest) -> list[_Listed]:
    images: dict[str, _Listed] = {}
    for row in rows:
        where = f"csv: line {row.line} of {table}"
        label = tidy(row.label)
        if not row.path.strip() or not label:
            raise DataError(f"{where} lacks a path or a label: fill it in, or remove the row")
        if label in MISSING:
            raise DataError(
                f"{where} has the label {label!r}, which stands for a missing label: fill it in, remove the "
                "row, or give the class another name"
            )
        split = role_of(tidy(row.split) or "train")
        if not split:
            raise DataError(f"{where}: the split {row.split!r} is not train, val or test")
        name = _name_in(table.parent, row.path)
        _check_inside(name, where, allowed=bool(request.options.get("outside", False)))
        if name in images:
            other = images[name].label
            how = (
                ": remove one of the rows"
                if label == other
                else f", as {other!r} and as {label!r}: keep the row of its one class, as an image has one here"
            )
            raise DataError(f"csv: {table} lists {name!r} twice{how}")
        group = tidy(row.group)
        part = tidy(row.slice)
        images[name] = _Listed(
            id=name,
            path=table.parent / name,
            label=label,
            split=split,
            group="" if group in MISSING else group,
            slice="" if part in MISSING else part,
            hierarchy=tuple(filter(None, map(tidy, row.hierarchy.split("/")))),
        )
    return list(images.values())


def _name_in(folder: Path, cell: str) -> str:
    """Normalise a path, and replace backslashes with slashes unless they belong to its name."""
    if os.path.lexists(folder / cell):
        name = cell
    else:
        name = cell.strip()
        if "\\" in name and not os.path.lexists(folder / name):
            name = name.replace("\\", "/")
    return posixpath.normpath(name) if not _URL.match(name) else name


def _check_inside(name: str, where: str, *, allowed: bool) -> None:
    """Raise an error if a path leads out of the table's folder."""
    if _URL.match(name):
        raise DataError(f"{where} has the address {name!r}: download the images first, and list their paths")
    if allowed:
        return
    if PurePath(name).is_absolute() or _DRIVE.match(name) or name.split("/")[0] == "..":
        raise DataError(
            f"{where} has the path {name!r}, which leads out of the CSV's folder: list paths relative to it, or set "
            "data.outside=true if that is meant"
        )


def _split(images: list[_Listed], index_of: dict[str, int], group_of: dict[str, str]) -> Split:
    import numpy as np

    return Split(
        encoded=[image.path for image in images],
        labels=np.array([index_of[image.label] for image in images], dtype=np.int64),
        ids=[image.id for image in images],
        groups=[group_of[image.group] if image.group else image.id for image in images] if group_of else None,
        slices=[image.slice for image in images] if any(image.slice for image in images) else None,
    )


def load_parquet_argument(request: DataRequest) -> Splits:
    """Read Parquet files in the Hugging Face layout (see :mod:`plugins.datasets.parquet`)."""
    return load_parquet(find_argument(request, "parquet"), request.options)


@hookimpl
def zoo_datasets() -> Iterable[Dataset]:
    """Yield ``csv`` and ``parquet``."""
    yield Dataset(
        name="csv",
        load=load_csv,
        summary="your images listed in a CSV: path,label[,split][,group][,slice][,hierarchy]",
        argument="PATH",
        options={**TABLE_OPTIONS, "outside": False, **TEST_OPTION, **TWINS_OPTION},
    )
    yield Dataset(
        name="parquet",
        load=load_parquet_argument,
        summary="a Parquet file or a folder of them, with an image and a label column",
        argument="PATH",
        options={**PARQUET_OPTIONS, **TEST_OPTION, **TWINS_OPTION},
    )
