"""Rescoring: recomputing metrics from the saved predictions of finished trials. Nothing is trained or run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.records.predictions import further_file, load_predictions, with_validation
from harness.records.record import MetricValue, Outcome, Record
from harness.records.runtime_result import RuntimeRecord, as_record, predictions_file, results_in, write_result
from harness.records.scoring import score
from harness.records.store import RECORD_FILE, read_record, write_record
from harness.records.trial_lock import trial_lock
from harness.system.atomic_files import sha256_of
from zoo.catalog import Entry
from zoo.errors import StoreError
from zoo.files.plain_files import PREDICTIONS
from zoo.metric import Metric, Predictions


@dataclass(frozen=True, kw_only=True, slots=True)
class RescoreSummary:
    """The outcome of rescoring."""

    changed: int
    """Number of trials whose record was rewritten."""
    unchanged: int
    """Number of trials whose record was already up to date."""
    not_done: int
    """Number of trials without predictions because they failed, were interrupted or skipped."""
    changes: dict[str, int]
    """Number of trials in which each metric is new, or has a different value or version."""
    lacking: dict[str, tuple[str, int]]
    """What predictions lack, in words, and the number of trials, for each metric that asks for more than they have."""
    problems: tuple[str, ...]
    """A sentence for each trial that could not be rescored, and each metric that raised; the old values are kept."""


def rescore(folders: Iterable[Path], metrics: Sequence[Entry[Metric]]) -> RescoreSummary:
    """Recompute *metrics* for the trials in *folders*, and write the records that change.

    A record is read and written under its trial's lock, and only if the predictions match the checksum in it. The same
    holds for runtime results, which count as part of their trial.
    A metric that raises keeps its old value, and so do metrics that are not among *metrics*.
    """
    changed = unchanged = not_done = 0
    changes: Counter[str] = Counter()
    lacking: dict[str, tuple[str, int]] = {}
    problems: list[str] = []
    for folder in folders:
        try:
            with trial_lock(folder) as is_ours:
                if not is_ours:
                    problems.append(f"{folder} is in use by another process")
                    continue
                record = read_record(folder / RECORD_FILE)
                if record.outcome is not Outcome.DONE:
                    not_done += 1
                    continue
                predictions = _checked_predictions(folder, record)
                for entry in metrics:
                    if missing := entry.record.lacks(predictions):
                        _, before = lacking.get(entry.display_name, ("", 0))
                        lacking[entry.display_name] = (" and ".join(missing), before + 1)
                rescored, raised = _rescored(record, predictions, metrics)
                problems += [f"{folder}: {sentence}" for sentence in raised]
                rescored, raised = _with_test_sets(folder, rescored, metrics)
                problems += [f"{folder}: {sentence}" for sentence in raised]
                of_runtimes, raised = _rescore_runtimes(folder, record, metrics)
                problems += [f"{folder}: {sentence}" for sentence in raised]
                if rescored == record and not of_runtimes:
                    unchanged += 1
                    continue
                if rescored != record:
                    write_record(folder, rescored)
        except StoreError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"{folder} cannot be rescored: {error.strerror or error}")
        else:
            changed += 1
            changes.update(_changed(record, rescored) | of_runtimes)
    return RescoreSummary(
        changed=changed,
        unchanged=unchanged,
        not_done=not_done,
        changes=dict(changes),
        lacking=lacking,
        problems=tuple(problems),
    )


def _changed(record: Record, rescored: Record) -> set[str]:
    changed = {name for name, value in rescored.metrics.items() if value != record.metrics.get(name)}
    for further, result in rescored.test_sets.items():
        before = record.test_sets[further].metrics
        changed |= {name for name, value in result.metrics.items() if value != before.get(name)}
    return changed


def _with_test_sets(folder: Path, record: Record, metrics: Sequence[Entry[Metric]]) -> tuple[Record, tuple[str, ...]]:
    """Return the record with new values of scalar metrics for its further test sets, and a sentence for each failure.

    Raises:
        StoreError: If the predictions for one are missing or do not match the checksum in the record.
    """
    scalar = [entry for entry in metrics if entry.record.kind == "scalar"]
    found = {}
    raised: list[str] = []
    for name, result in record.test_sets.items():
        predictions, values = _checked_file(folder, record, further_file(name)), dict(result.metrics)
        for entry in scalar:
            scores = score(predictions, [entry])
            raised += [f"test set {name}: {sentence}" for sentence in scores.problems]
            if not scores.problems:
                values.update(scores.values)
        found[name] = result.model_copy(update={"metrics": values})
    return record.model_copy(update={"test_sets": found}), tuple(raised)


def _rescore_runtimes(
    folder: Path, record: Record, metrics: Sequence[Entry[Metric]]
) -> tuple[set[str], tuple[str, ...]]:
    """Recompute metrics for a trial's runtime results; return the names of changed metrics, and the problems."""
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
    """Return a trial's predictions.

    Raises:
        StoreError: If the file is missing, or its checksum differs from the one in the record.
    """
    return _checked_file(folder, record, predictions_file(record))


def _checked_file(folder: Path, record: Record, name: str) -> Predictions:
    path = folder / name
    if not path.is_file():
        raise StoreError(f"{folder} has no {name}")
    expected = record.files.get(name)
    if expected is None:
        raise StoreError(f"{folder}: the record has no checksum of {name}, so it cannot be checked")
    if sha256_of(path, PREDICTIONS) != expected:
        raise StoreError(f"{path} does not match the checksum in its record")
    return with_validation(load_predictions(folder, name=name).predictions, folder, record.files)


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
            # Warnings from an earlier version of the metric are out of date.
            warnings = [each for each in warnings if not each.startswith(f"metric {entry.full_name!r} ")]
    # Keep the order of the trial's metrics, new ones last, so that equal content gives equal files.
    return record.model_copy(update={"metrics": values, "warnings": tuple(warnings)}), tuple(raised)
