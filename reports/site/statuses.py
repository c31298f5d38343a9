"""Statuses: how far the numbers of a row have been verified, as ``zoo verify`` recorded it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from zoo.text import one_line

FILE_NAME = "verification.json"
Status = Literal["self-reported", "recomputed", "reproduced"]
LEVELS: tuple[Status, ...] = ("self-reported", "recomputed", "reproduced")
"""Levels of verification, the lowest first."""


class CheckedTrial(FrozenModel):
    """The result of verifying one trial."""

    status: Status
    record_sha256: str
    """Checksum of the verified record; a record that changed since is self-reported again."""
    signed_by: str = ""
    """Who signed it, among those whom the verifier accepts; empty: nobody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowVerdict:
    """How far the numbers of a row have been verified, and who vouches for them."""

    status: Status
    signer: str = ""
    """Who signed all its seeds; empty: nobody."""


class Verification(FrozenModel):
    """The results of ``zoo verify`` for the trials of one store."""

    schema_version: int = 1
    sample_seed: int | None = None
    """Seed by which the last sample of trials to run again was drawn; None if none was."""
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


def verdicts_of(entries: Sequence[BoardEntry]) -> dict[str, RowVerdict]:
    """Return what ``zoo verify`` found about each row, by its id."""
    known: dict[Path, Verification] = {}
    return {entry.id: verdict_of(entry, known) for entry in entries}


def verdict_of(entry: BoardEntry, known: dict[Path, Verification]) -> RowVerdict:
    """Return what was found about a row: reproduced if a seed was run again and all others were recomputed.

    Args:
        entry: The row.
        known: Results by store; missing stores are read and added.
    """
    # Results are about trials, whose records know nothing about runtimes.
    checks = [None if isinstance(trial[1], RuntimeRecord) else _check_of(trial, known) for trial in entry.done]
    found = [each for each in checks if each is not None]
    if not found or len(found) < len(checks):
        return RowVerdict(status="self-reported")
    statuses = {each.status for each in found}
    status: Status = "recomputed"
    if "self-reported" in statuses:
        status = "self-reported"
    elif "reproduced" in statuses:
        status = "reproduced"
    names = list(dict.fromkeys(each.signed_by for each in found))
    return RowVerdict(status=status, signer=one_line(", ".join(names), max_length=120) if all(names) else "")


def _check_of(trial: Trial, known: dict[Path, Verification]) -> CheckedTrial | None:
    """Return what was found about a trial; None if nothing was, or its record has changed since."""
    folder, _ = trial
    store = folder.parent
    if store not in known:
        known[store] = read_verification(store)
    checked = known[store].trials.get(folder.name)
    if checked is None or checked.record_sha256 != sha256_of(folder / RECORD_FILE):
        return None
    return checked
