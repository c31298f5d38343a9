"""Merging: copying the trials of several stores into one. Nothing that is read is executed, followed or trusted.

A trial is copied only if its folder and all its files are plain files in its own store, its record is intact, and every
file matches the checksum in the record.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from harness.records.predictions import FILE_NAME as PREDICTIONS_FILE
from harness.records.record import Outcome, Record
from harness.records.runtime_result import RuntimeResult, predictions_name, result_name, results_in, write_result
from harness.records.store import LOCK_FILE, LOG_FILE, RECORD_FILE, SPEC_FILE, Store, end_of, is_id_of, read_record
from harness.system.atomic_files import TEMPORARY_PREFIX, sha256_of, sync_folder, write_bytes
from zoo.errors import StoreError

_UNSUMMED_FILES = (LOG_FILE, SPEC_FILE)
"""Files in a trial's folder that are meant for people; nothing is computed from them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeSummary:
    """The outcome of a merge."""

    added: int
    known: int
    """Number of trials that were already in the target, with the same result."""
    clashes: tuple[str, ...]
    """A sentence for each trial with different results in two stores; the first result is kept."""
    refused: tuple[str, ...]
    """A sentence for each folder that was not copied."""


def merge(sources: Sequence[Path], target: Store) -> MergeSummary:
    """Copy the trials of *sources* into *target*, which is created if necessary.

    Raises:
        StoreError: If a source is not a folder, or the target cannot be written.
    """
    missing = [str(source) for source in sources if not source.is_dir()]
    if missing:
        raise StoreError(f"there is no folder {' nor '.join(missing)}")
    target.create()
    added = known = 0
    clashes: list[str] = []
    refused: list[str] = []
    with FileLock(target.root / ".merge.lock"):
        for stale in target.root.glob(f"{TEMPORARY_PREFIX}*"):
            shutil.rmtree(stale, ignore_errors=True)
        names = {end_of(path.name): path.name for path in target.root.iterdir() if path.is_dir()}
        for source in sources:
            for folder in sorted(path for path in source.iterdir() if (path / RECORD_FILE).exists()):
                try:
                    record = _checked(folder)
                    # An earlier zoo, or one with other plugins, may have named the same trial differently.
                    name = record.trial_id
                    if not target.folder(name).exists():
                        name = names.get(end_of(name), name)
                    present = target.read(name)
                    if present is None:
                        _copy(folder, record, target)
                        names[end_of(record.trial_id)] = record.trial_id
                        added += 1
                        refused += _copy_runtimes(folder, record, target)
                    elif _same_result(present, record):
                        known += 1
                        refused += _copy_runtimes(folder, present, target)
                    else:
                        clashes.append(f"{folder}: {target.root} already has another result of {name}, which is kept")
                except (StoreError, OSError) as error:
                    refused.append(str(error))
    return MergeSummary(added=added, known=known, clashes=tuple(clashes), refused=tuple(refused))


def _checked(folder: Path) -> Record:
    """Return the record of a trial after checking that the trial can be copied.

    Raises:
        StoreError: With the first reason why it cannot be copied.
    """
    if folder.is_symlink():
        raise StoreError(f"{folder} is a link, not a folder")
    for path in folder.iterdir():
        if path.is_symlink() or not path.is_file():
            raise StoreError(f"{path} is not a plain file")
    record = read_record(folder / RECORD_FILE)
    if record.trial_id != folder.name or not is_id_of(record.trial_id, record.spec, record.result_key):
        raise StoreError(f"{folder} does not have the name of the trial in its record")
    for name, sha256 in record.files.items():
        if name != Path(name).name or name in ("", ".", "..") or name.startswith("."):
            raise StoreError(f"{folder}: its record names {name!r}, which is not a file in its folder")
        if not (folder / name).is_file() or sha256_of(folder / name) != sha256:
            raise StoreError(f"{folder / name} is missing or does not match the checksum in its record")
    return record


def _copy(folder: Path, record: Record, target: Store) -> None:
    """Copy a trial under a temporary name, then rename it, so that the target never has a partial trial."""
    temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=target.root))
    try:
        names = [*record.files, RECORD_FILE, *(name for name in _UNSUMMED_FILES if (folder / name).is_file())]
        for name in names:
            shutil.copyfile(folder / name, temporary / name, follow_symlinks=False)
        _checked_copy(temporary, record)
        temporary.chmod(0o755)
        temporary.rename(target.folder(record.trial_id))
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(target.root)


def _copy_runtimes(folder: Path, record: Record, target: Store) -> list[str]:
    """Copy runtime results that the target does not have, and return a sentence for each that was not copied.

    Only results for the weights of the target's record are copied.
    """
    refused = []
    into = target.folder(record.trial_id)
    for result in results_in(folder, record):
        if isinstance(result, StoreError):
            refused.append(str(result))
            continue
        try:
            with FileLock(into / LOCK_FILE):
                if not (into / result_name(result.runtime)).exists():
                    _copy_runtime(folder, result, into)
        except (StoreError, OSError) as error:
            refused.append(str(error))
    return refused


def _copy_runtime(folder: Path, result: RuntimeResult, into: Path) -> None:
    expected = [predictions_name(result.runtime)] if result.outcome is Outcome.DONE else []
    if sorted(result.files) != expected:
        raise StoreError(f"{folder}: its {result.runtime} result names unexpected files")
    for name, sha256 in result.files.items():
        content = (folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StoreError(f"{folder / name} does not match the checksum in {result_name(result.runtime)}")
        write_bytes(into / name, content)
    write_result(into, result)  # last, because its checksums are of files that must exist


def _checked_copy(folder: Path, record: Record) -> None:
    """Check the copied files again, because the source may have changed during the copy."""
    if read_record(folder / RECORD_FILE) != record:
        raise StoreError(f"{record.trial_id} changed while it was copied")
    for name, sha256 in record.files.items():
        if sha256_of(folder / name) != sha256:
            raise StoreError(f"{record.trial_id} changed while it was copied")


def _same_result(one: Record, other: Record) -> bool:
    """Return whether two records have the same result, regardless of when and where they ran."""
    if (one.outcome, one.result_key) != (other.outcome, other.result_key):
        return False
    # Metrics follow from predictions, and differ if one of the two was rescored.
    predictions = one.files.get(PREDICTIONS_FILE)
    same_predictions = predictions is not None and predictions == other.files.get(PREDICTIONS_FILE)
    return same_predictions or one.metrics == other.metrics
