"""Reading: folders of records → trials, wherever in them the user points."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.records.record import Record
from harness.records.store import RECORD_FILE, Store, read_record
from zoo.errors import StoreError

Trial = tuple[Path, Record]
"""A trial's folder and its record."""


@contextmanager
def without_collection() -> Iterator[None]:
    """Keep Python's cyclic garbage collector from running.

    Thousands of records are millions of objects, none of them garbage. The collector walks through all of them again
    whenever their number has grown by a quarter, which takes a quarter of the time of ranking them.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@without_collection()
def read_trials(paths: Iterable[Path]) -> tuple[list[Trial], list[str]]:
    """Return the trials of stores, or single trials, and a sentence for each record that cannot be read.

    One that is reached by several of *paths* counts once.

    Raises:
        StoreError: If a path is no folder, or holds no record at all.
    """
    trials: dict[object, Trial] = {}
    problems: dict[object, str] = {}
    for path in paths:
        files = _record_files(path)
        if not files:
            raise StoreError(f"there are no records in {path}")
        for file in files:
            folder = identity_of(file.parent)
            if folder in trials or folder in problems:
                continue
            try:
                trials[folder] = (file.parent, read_record(file))
            except StoreError as error:
                problems[folder] = str(error)
    return list(trials.values()), list(problems.values())


def identity_of(folder: Path) -> object:
    """Return what is the same for all paths to *folder*: its place on the disk, or its path if that has none."""
    try:
        found = folder.stat()  # far quicker than following links along the path
    except OSError:  # gone meanwhile; reading its record says so
        return folder
    return (found.st_dev, found.st_ino) if found.st_ino else folder.resolve()


def _record_files(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        raise StoreError(f"there is no folder {path}")
    own = path / RECORD_FILE
    return [own] if own.is_file() else sorted(Store(path).root.glob(f"*/{RECORD_FILE}"))
