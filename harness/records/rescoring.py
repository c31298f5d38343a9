"""Rescoring: metrics computed anew from the saved predictions of trials that are done. Nothing is trained or run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from harness.records.predictions import load_predictions
from harness.records.record import MetricValue, Outcome, Record
from harness.records.runtime_result import RuntimeRecord, as_record, predictions_file, results_in, write_result
from harness.records.scoring import score
from harness.records.store import RECORD_FILE, read_record, write_record
from harness.system.atomic_files import sha256_of
from zoo.catalog import Entry
from zoo.errors import StoreError
from zoo.metric import Metric, Predictions


@dataclass(frozen=True, kw_only=True, slots=True)
class RescoreSummary:
    """What rescoring came to."""

    changed: int
    """Trials whose record was rewritten."""
    unchanged: int
    """Trials whose record is already up to date."""
    not_done: int
    """Trials without predictions because they failed, were interrupted or skipped."""
    changes: dict[str, int]
    """Number of trials in which each metric is new, or has another value or version."""
    problems: tuple[str, ...]
    """A sentence for each trial that could not be rescored, and each metric that raised; what was there stays."""


def rescore(folders: Iterable[Path], metrics: Sequence[Entry[Metric]]) -> RescoreSummary:
    """Compute *metrics* anew for the trials in *folders*, and write the records that change.

    A record is read and written under its trial's lock, and only if the predictions fit the sum that it has of them;
    what lies of runtimes beside it likewise, and counts with its trial.
    A metric that raises keeps the value it had; values of metrics that are not among *metrics* stay too.
    """
    changed = unchanged = not_done = 0
    changes: Counter[str] = Counter()
    problems: list[str] = []
    for folder in folders:
        try:
            with FileLock(folder / ".lock", timeout=0):
                record = read_record(folder / RECORD_FILE)
                if record.outcome is not Outcome.DONE:
                    not_done += 1
                    continue
                rescored, raised = _rescored(record, _checked_predictions(folder, record), metrics)
                problems += [f"{folder}: {sentence}" for sentence in raised]
                of_runtimes, raised = _rescore_runtimes(folder, record, metrics)
                problems += [f"{folder}: {sentence}" for sentence in raised]
                if rescored == record and not of_runtimes:
                    unchanged += 1
                    continue
                if rescored != record:
                    write_record(folder, rescored)
        except Timeout:
            problems.append(f"{folder} is in use by another process")
        except StoreError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"{folder} cannot be rescored: {error.strerror or error}")
        else:
            changed += 1
            changes.update(_changed(record, rescored) | of_runtimes)
    return RescoreSummary(
        changed=changed, unchanged=unchanged, not_done=not_done, changes=dict(changes), problems=tuple(problems)
    )


def _changed(record: Record, rescored: Record) -> set[str]:
    return {name for name, value in rescored.metrics.items() if value != record.metrics.get(name)}


def _rescore_runtimes(
    folder: Path, record: Record, metrics: Sequence[Entry[Metric]]
) -> tuple[set[str], tuple[str, ...]]:
    """Compute metrics anew for what lies of runtimes in a trial's folder; return which changed, and what is wrong."""
    changed: set[str] = set()
    problems: list[str] = []
    for result in results_in(folder, record):
        if isinstance(result, StoreError):
            problems.append(str(result))
            continue
        if result.outcome is not Outcome.DONE:
            continue
        before: RuntimeRecord = as_record(record, result)
        try:
            after, raised = _rescored(before, _checked_predictions(folder, before), metrics)
        except StoreError as error:
            problems.append(str(error))
            continue
        problems += [f"{result.runtime}: {sentence}" for sentence in raised]
        if after != before:
            write_result(folder, result.model_copy(update={"metrics": after.metrics, "warnings": after.warnings}))
            changed |= _changed(before, after)
    return changed, tuple(problems)


def _checked_predictions(folder: Path, record: Record) -> Predictions:
    """Return what a trial predicted.

    Raises:
        StoreError: If that is missing, or is not what the trial wrote.
    """
    name = predictions_file(record)
    path = folder / name
    if not path.is_file():
        raise StoreError(f"{folder} has no {name}")
    expected = record.files.get(name)
    if expected is None:
        raise StoreError(f"{folder}: the record has no checksum of {name}, so it cannot be checked")
    if sha256_of(path) != expected:
        raise StoreError(f"{path} does not match the checksum in its record")
    return load_predictions(folder, name=name).predictions


def _rescored(
    record: Record, predictions: Predictions, metrics: Sequence[Entry[Metric]]
) -> tuple[Record, tuple[str, ...]]:
    """Return the record with new values, and a sentence for each metric that raised."""
    values: dict[str, MetricValue] = dict(record.metrics)
    warnings = list(record.warnings)
    raised: list[str] = []
    for entry in metrics:
        scores = score(predictions, [entry])
        if scores.problems:
            raised += scores.problems
            continue
        if scores.values:
            values.update(scores.values)
            # What an earlier version of the metric could not do is no news any more.
            warnings = [each for each in warnings if not each.startswith(f"metric {entry.full_name!r} ")]
    # Equal content reads equal: the order of metrics is that of the trial, new ones last.
    return record.model_copy(update={"metrics": values, "warnings": tuple(warnings)}), tuple(raised)
