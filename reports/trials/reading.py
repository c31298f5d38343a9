"""Reading: folders of records → trials. Every command that reads runs does so here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.records.record import Outcome, Record
from harness.records.runtime_result import RuntimeRecord, as_record, results_in
from harness.records.store import RECORD_FILE, read_record
from harness.system.collection import without_collection
from zoo.errors import ManyErrors, StoreError, ZooError

Trial = tuple[Path, Record]
"""A trial's folder and its record."""


@without_collection()
def read_trials(paths: Iterable[Path], *, runtimes: bool = False) -> tuple[list[Trial], list[str]]:
    """Return the trials in *paths*, and a sentence for each record that cannot be read.

    Args:
        paths: Stores, or folders of single trials. A trial that several of them reach counts once.
        runtimes: Also return the results of other runtimes, each after its trial (:func:`with_runtimes`).

    Raises:
        StoreError: If a path is not a folder, or holds no record. What else is in a store (zoo's own tables, trials
            that have not finished) is passed over beside trials of it, as ``runs/*`` names it.
        ManyErrors: If several are not.
    """
    trials: dict[object, Trial] = {}
    problems: dict[object, str] = {}
    errors: list[tuple[Path, ZooError]] = []
    stores: set[object] = set()
    for path in paths:
        try:
            files = _record_files(path)
        except StoreError as error:
            errors.append((path, error))
            continue
        for file in files:
            if file.parent == path:
                stores.add(_identity_of(path.parent))
            folder = _identity_of(file.parent)
            if folder in trials or folder in problems:
                continue
            try:
                trials[folder] = (file.parent, read_record(file))
            except StoreError as error:
                problems[folder] = str(error)
    ManyErrors.raise_if(
        [error for path, error in errors if not os.path.lexists(path) or _identity_of(path.parent) not in stores]
    )
    found, sentences = list(trials.values()), list(problems.values())
    if runtimes:
        found, damaged = with_runtimes(found)
        sentences += damaged
    return found, sentences


def with_runtimes(trials: Iterable[Trial]) -> tuple[list[Trial], list[str]]:
    """Return *trials*, each followed by its results under other runtimes, and a sentence for each damaged result."""
    found: list[Trial] = []
    problems: list[str] = []
    for folder, record in trials:
        found.append((folder, record))
        if record.outcome is not Outcome.DONE or isinstance(record, RuntimeRecord):
            continue
        for result in results_in(folder, record):
            if isinstance(result, StoreError):
                problems.append(str(result))
            else:
                found.append((folder, as_record(record, result)))
    return found, problems


def _identity_of(folder: Path) -> object:
    """Return a value that is the same for all paths to *folder*: its inode, or its path if it has none."""
    try:
        found = folder.stat()  # far quicker than resolving links along the path
    except OSError:  # it is gone; reading its record will fail with a sentence
        return folder
    return (found.st_dev, found.st_ino) if found.st_ino else folder.resolve()


def _record_files(path: Path) -> Sequence[Path]:
    if path.is_file():
        raise StoreError(f"{path} is a file: name the folder of a trial, or of several")
    if not path.is_dir():
        raise StoreError(f"there is no folder {path}")
    own = path / RECORD_FILE
    if own.is_file():
        return [own]
    # Quicker than globbing, and than sorting thousands of paths.
    with os.scandir(path) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir())
    files = [file for name in names if os.path.lexists(file := path / name / RECORD_FILE)]
    if not files:
        raise StoreError(f"there are no records in {path}")
    return files
