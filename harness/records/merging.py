"""Merging: copying the trials of several stores into one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from harness.records.copying import checked_trial, copy_trial, remove_half_copied
from harness.records.predictions import FILE_NAME as PREDICTIONS_FILE
from harness.records.predictions import further_file
from harness.records.record import Outcome, Record
from harness.records.runtime_result import RuntimeResult, predictions_name, result_name, results_in, write_result
from harness.records.search_merging import merge_searches
from harness.records.store import CHECKPOINT_FILE, RECORD_FILE, Store, end_of, write_record
from harness.records.study_file import FOLDER
from harness.records.trial_lock import LOCK_FILE
from harness.system.atomic_files import write_bytes
from zoo.errors import StoreError
from zoo.files.plain_files import PREDICTIONS, read_bytes


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
        remove_half_copied(target.root)
        names = {end_of(path.name): path.name for path in target.root.iterdir() if path.is_dir()}
        for source in sources:
            for folder in sorted(path for path in source.iterdir() if (path / RECORD_FILE).exists()):
                try:
                    record = checked_trial(folder)
                    # An earlier zoo, or one with other plugins, may have named the same trial differently.
                    name = record.trial_id
                    if not target.folder(name).exists():
                        name = names.get(end_of(name), name)
                    present = target.read(name)
                    if present is None:
                        copy_trial(folder, record, target.root)
                        names[end_of(record.trial_id)] = record.trial_id
                        added += 1
                        refused += _copy_runtimes(folder, record, target)
                    elif _same_result(present, record):
                        known += 1
                        refused += _copy_test_sets(folder, record, name, target)
                        refused += _copy_runtimes(folder, present, target)
                    else:
                        clashes.append(f"{folder}: {target.root} already has another result of {name}, which is kept")
                except (StoreError, OSError) as error:
                    refused.append(str(error))
            refused += merge_searches(source / FOLDER, target.root / FOLDER)
    return MergeSummary(added=added, known=known, clashes=tuple(clashes), refused=tuple(refused))


def _copy_test_sets(folder: Path, record: Record, name: str, target: Store) -> list[str]:
    """Copy results of further test sets that the target does not have, and return a sentence for each that was not.

    The files of *record* have been checked. Only results of the same weights are copied.
    """
    into = target.folder(name)
    try:
        with FileLock(into / LOCK_FILE):
            present = target.read(name)
            missing = [each for each in record.test_sets if present is not None and each not in present.test_sets]
            if present is None or not missing:
                return []
            if present.files.get(CHECKPOINT_FILE) != record.files.get(CHECKPOINT_FILE):
                return [f"{folder}: its further test sets are of other weights than those in {target.root}"]
            files = {further_file(each): record.files[further_file(each)] for each in missing}
            for file in files:
                write_bytes(into / file, read_bytes(folder / file, PREDICTIONS, follow=False))
            results = {each: record.test_sets[each] for each in missing}
            write_record(
                into,
                present.model_copy(
                    update={"files": {**present.files, **files}, "test_sets": {**present.test_sets, **results}}
                ),
            )
    except KeyError as error:
        return [f"{folder}: its record has no checksum of {error.args[0]}"]
    except (StoreError, OSError) as error:
        return [str(error)]
    return []


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
        content = read_bytes(folder / name, PREDICTIONS, follow=False)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StoreError(f"{folder / name} does not match the checksum in {result_name(result.runtime)}")
        write_bytes(into / name, content)
    write_result(into, result)  # last, because its checksums are of files that must exist


def _same_result(one: Record, other: Record) -> bool:
    """Return whether two records have the same result, regardless of when and where they ran."""
    if (one.outcome, one.result_key) != (other.outcome, other.result_key):
        return False
    # Metrics follow from predictions, and differ if one of the two was rescored.
    predictions = one.files.get(PREDICTIONS_FILE)
    same_predictions = predictions is not None and predictions == other.files.get(PREDICTIONS_FILE)
    return same_predictions or one.metrics == other.metrics
