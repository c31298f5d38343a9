"""Copying trials: from a store that may be a stranger's into another one. Nothing is run, followed or trusted.

A trial is taken only if its folder and all its files are plain files of its own store, its record is whole, its name
is the one that follows from its spec, and every file fits the checksum in its record.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from harness.records.record import Record
from harness.records.store import CHECKPOINT_FILE, LOG_FILE, RECORD_FILE, SPEC_FILE, is_id_of, read_record
from harness.system.atomic_files import sync_file, sync_folder
from harness.system.staging import remove_stale, staging
from zoo.errors import StoreError
from zoo.files.plain_files import HISTORY, PREDICTIONS, RECORD, WEIGHTS, Kind, copy_file, digest_of

_STAGING = "trial"
_UNSUMMED_FILES = (LOG_FILE, SPEC_FILE)
"""Files of a trial for people; nothing is computed from them, and records have no checksums of them."""


def checked_trial(folder: Path, *, optional: Collection[str] = ()) -> Record:
    """Return the record of a trial that may be copied.

    Args:
        folder: The trial's folder.
        optional: Files that may be missing although its record has their checksums.

    Raises:
        StoreError: With the first reason against copying it.
    """
    if folder.is_symlink():
        raise StoreError(f"{folder} is a link, not a folder")
    for path in folder.iterdir():
        if path.is_symlink() or not path.is_file():
            raise StoreError(f"{path} is not a plain file")
    record = read_record(folder / RECORD_FILE)
    if record.trial_id != folder.absolute().name or not is_id_of(record.trial_id, record.spec, record.result_key):
        raise StoreError(f"{folder} does not have the name of the trial in its record")
    for name, sha256 in record.files.items():
        if not is_file_name(name):
            raise StoreError(f"{folder}: its record names {name!r}, which is not a file in its folder")
        path = folder / name
        if name in optional and not path.exists():
            continue
        if not path.is_file() or digest_of(path, file_kind(name), follow=False) != sha256:
            raise StoreError(f"{path} is missing or does not match the checksum in its record")
    return record


def remove_half_copied(target: Path) -> None:
    """Remove what processes that were killed while they copied trials into *target* have left there."""
    remove_stale(target, _STAGING)


def copy_trial(folder: Path, record: Record, target: Path, *, without: Collection[str] = ()) -> None:
    """Copy a trial into the store *target* so that it is there whole or not at all.

    Args:
        folder: Its folder, for which :func:`checked_trial` returned *record*.
        record: Its record.
        target: The other store, which exists and does not have the trial.
        without: Files that are left out.

    Raises:
        StoreError: If the trial changed meanwhile.
        OSError: If it cannot be written.
    """
    names = [*record.files, *_UNSUMMED_FILES, RECORD_FILE]
    with staging(target, _STAGING) as made:
        trial = made / "trial"
        trial.mkdir()
        for name in dict.fromkeys(names):
            if name in without or (name in _UNSUMMED_FILES and not (folder / name).exists()):
                continue
            sha256 = copy_file(folder / name, trial / name, file_kind(name))
            if record.files.get(name, sha256) != sha256:
                raise StoreError(f"{record.trial_id} changed while it was copied")
            sync_file(trial / name)
        if read_record(trial / RECORD_FILE) != record:
            raise StoreError(f"{record.trial_id} changed while it was copied")
        trial.rename(target / record.trial_id)
    sync_folder(target)


def is_file_name(name: str) -> bool:
    """Return whether *name* may be that of a file in the folder of a trial."""
    return name == Path(name).name and name not in ("", ".", "..") and not name.startswith(".")


def file_kind(name: str) -> Kind:
    """Return the kind of a trial's file by its name."""
    if name == CHECKPOINT_FILE:
        return WEIGHTS
    if name in (RECORD_FILE, SPEC_FILE):
        return RECORD
    return PREDICTIONS if name.endswith(".safetensors") else HISTORY
