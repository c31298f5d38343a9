"""Reading: folders of records → trials, wherever in them the user points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.record import Record
from harness.store import RECORD_FILE, Store, read_record
from zoo.errors import StoreError

Trial = tuple[Path, Record]
"""A trial's folder and its record."""


def read_trials(paths: Iterable[Path]) -> tuple[list[Trial], list[str]]:
    """Return the trials of stores, or single trials, and a sentence for each record that cannot be read.

    One that is reached by several of *paths* counts once.

    Raises:
        StoreError: If a path is no folder, or holds no record at all.
    """
    trials: dict[Path, Trial] = {}
    problems: dict[Path, str] = {}
    for path in paths:
        files = _record_files(path)
        if not files:
            raise StoreError(f"there are no records in {path}")
        for file in files:
            folder = file.parent.resolve()
            if folder in trials or folder in problems:
                continue
            try:
                trials[folder] = (file.parent, read_record(file))
            except StoreError as error:
                problems[folder] = str(error)
    return list(trials.values()), list(problems.values())


def _record_files(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        raise StoreError(f"there is no folder {path}")
    own = path / RECORD_FILE
    return [own] if own.is_file() else sorted(Store(path).root.glob(f"*/{RECORD_FILE}"))
