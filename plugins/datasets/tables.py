"""Images listed in tables: ``csv:PATH`` and ``parquet:PATH``."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from plugins.datasets._files import find_argument
from plugins.datasets._parquet import load_parquet
from zoo import DataRequest, Dataset, Split, Splits, hookimpl
from zoo.errors import DataError

_SPLIT_WORDS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_COLUMNS = {"path", "label", "split", "group"}


def load_csv(request: DataRequest) -> Splits:
    """Read a CSV file with the columns path and label, and possibly split (train, val, test) and group.

    Paths are relative to the CSV's folder; an image's id is its path as it stands there. Classes are the labels in
    alphabetical order, or in numerical order where all are integers. Rows may be in any order. Images of one group
    (a patient, a plant) stay together when splits are carved.

    Raises:
        DataError: If a column or a value is missing, a path occurs twice or is not there, or there is no train row.
    """
    path = find_argument(request, "csv")
    rows = sorted(_rows(path))
    labels = {row[1] for row in rows}
    classes = sorted(labels, key=int) if all(label.isdecimal() for label in labels) else sorted(labels)
    if len(classes) < 2:
        raise DataError(f"csv: {path} has {len(classes)} label(s), at least 2 are needed")
    by_split: dict[str, list[tuple[str, str, str, str]]] = {}
    for row in rows:
        by_split.setdefault(row[2], []).append(row)
    if "train" not in by_split:
        raise DataError(f"csv: {path} has no row whose split is train")
    index = {label: k for k, label in enumerate(classes)}
    splits = {name: _split(path.parent, each, index) for name, each in by_split.items()}
    return Splits(classes=tuple(classes), train=splits["train"], val=splits.get("val"), test=splits.get("test"))


def _rows(path: Path) -> list[tuple[str, str, str, str]]:
    """Return path, label, split and group of each row."""
    rows: dict[str, tuple[str, str, str, str]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = set(reader.fieldnames or ())
            if not {"path", "label"} <= columns:
                raise DataError(
                    f"csv: the first line of {path} must name the columns path and label, and possibly split and "
                    f"group; it has {', '.join(sorted(map(str, columns))) or 'nothing'}"
                )
            for row in reader:
                if None in row or any(row[column] is None for column in columns & _COLUMNS):
                    raise DataError(f"csv: line {reader.line_num} of {path} has not as many fields as the first")
                name, label = row["path"], row["label"].strip()
                if not name or not label:
                    raise DataError(f"csv: line {reader.line_num} of {path} lacks a path or a label")
                word = (row.get("split") or "train").strip().lower()
                if word not in _SPLIT_WORDS:
                    raise DataError(
                        f"csv: line {reader.line_num} of {path}: the split {word!r} is none of train, val and test"
                    )
                if name in rows:
                    raise DataError(f"csv: {path} lists {name!r} twice")
                rows[name] = (name, label, _SPLIT_WORDS[word], row.get("group") or name)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"csv: {path} is not a CSV file in UTF-8: {error}") from error
    except OSError as error:
        raise DataError(f"csv: {path} cannot be read: {error.strerror or error}") from error
    return list(rows.values())


def _split(folder: Path, rows: list[tuple[str, str, str, str]], index: dict[str, int]) -> Split:
    import numpy as np

    paths = [folder / name for name, *_ in rows]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        shown = ", ".join(str(path) for path in missing[:5])
        raise DataError(f"csv: {len(missing)} listed image(s) are not there: {shown}")
    has_groups = any(group != name for name, _, _, group in rows)
    return Split(
        encoded=paths,
        labels=np.array([index[label] for _, label, _, _ in rows], dtype=np.int64),
        ids=[name for name, *_ in rows],
        groups=[group for *_, group in rows] if has_groups else None,
    )


def load_parquet_argument(request: DataRequest) -> Splits:
    """Read Parquet files in the Hugging Face layout (see :mod:`plugins.datasets._parquet`)."""
    return load_parquet(find_argument(request, "parquet"))


@hookimpl
def zoo_datasets() -> Iterable[Dataset]:
    """Yield ``csv`` and ``parquet``."""
    yield Dataset(
        name="csv",
        load=load_csv,
        summary="your images listed in a CSV: path,label[,split][,group]",
        argument="PATH",
    )
    yield Dataset(
        name="parquet",
        load=load_parquet_argument,
        summary="a Parquet file or a folder of them, with an image and a label column",
        argument="PATH",
    )
