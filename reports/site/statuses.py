"""Statuses: how far the numbers of a row have been verified, as ``zoo verify`` recorded it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from harness.records.runtime_result import RuntimeRecord
from harness.records.spec import FrozenModel
from harness.records.store import RECORD_FILE
from harness.system.atomic_files import sha256_of, write_json
from reports.site.entries import BoardEntry
from reports.trials.reading import Trial
from zoo.errors import StoreError
from zoo.files.foreign_json import parse_json
from zoo.files.plain_files import FACTS, read_bytes

FILE_NAME = "verification.json"
Status = Literal["self-reported", "recomputed", "reproduced"]


class CheckedTrial(FrozenModel):
    """The result of verifying one trial."""

    status: Status
    record_sha256: str
    """Checksum of the verified record; a record that changed since is self-reported again."""


class Verification(FrozenModel):
    """The results of ``zoo verify`` for the trials of one store."""

    schema_version: int = 1
    trials: dict[str, CheckedTrial]
    """Results by the folder of the trial."""


def read_verification(store: Path) -> Verification:
    """Return the results for the trials of *store*; empty if nothing was verified."""
    path = store / FILE_NAME
    try:
        return Verification.model_validate(parse_json(read_bytes(path, FACTS)))
    except FileNotFoundError:
        return Verification(trials={})
    except (OSError, ValueError, ValidationError) as error:
        raise StoreError(
            f"{path} cannot be read: {type(error).__name__}; remove it and run zoo verify again"
        ) from error


def write_verification(store: Path, verification: Verification) -> None:
    """Write results durably."""
    write_json(store / FILE_NAME, verification.model_dump(mode="json"))


def status_of(entry: BoardEntry, known: dict[Path, Verification]) -> Status:
    """Return the status of a row: reproduced if a seed was run again and all others were recomputed.

    Args:
        entry: The row.
        known: Results by store; missing stores are read and added.
    """
    found = [_trial_status(trial, known) for trial in entry.done]
    if not found or "self-reported" in found:
        return "self-reported"
    return "reproduced" if "reproduced" in found else "recomputed"


def statuses_of(entries: Sequence[BoardEntry]) -> dict[str, str]:
    """Return the status of each row, by its id."""
    known: dict[Path, Verification] = {}
    return {entry.id: status_of(entry, known) for entry in entries}


def _trial_status(trial: Trial, known: dict[Path, Verification]) -> Status:
    folder, record = trial
    if isinstance(record, RuntimeRecord):  # results are about the trial, whose record knows nothing about runtimes
        return "self-reported"
    store = folder.parent
    if store not in known:
        known[store] = read_verification(store)
    checked = known[store].trials.get(folder.name)
    if checked is None or checked.record_sha256 != sha256_of(folder / RECORD_FILE):
        return "self-reported"
    return checked.status
