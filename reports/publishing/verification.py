"""Verification: checksums, seeds and every number of trials, checked against their predictions."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.records.copying import file_kind
from harness.records.derived.mean_predictions import mean_predictions
from harness.records.derived.pooled_folds import concatenated
from harness.records.origin import OriginKind
from harness.records.predictions import VAL_FILE_NAME, further_file, load_predictions, with_validation
from harness.records.record import MetricValue, Outcome, Record
from harness.records.runtime_result import RuntimeRecord, as_record, predictions_file, results_in, runtime_name
from harness.records.scoring import score
from harness.records.store import CHECKPOINT_FILE
from reports.statistics import student_t
from reports.statistics.multiplicity import CONFIDENCE
from reports.trials.grouping import group_trials
from reports.trials.reading import Trial
from zoo.catalog import Entry
from zoo.errors import StoreError
from zoo.files.plain_files import digest_of
from zoo.metric import Metric, Predictions
from zoo.text import one_line, plural

_TOLERANCE = 1e-6
"""Relative tolerance of numbers: versions of NumPy sum in different orders."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialCheck:
    """What was found when a trial and its runtimes were verified."""

    problems: tuple[str, ...]
    """A sentence for each problem."""
    unchecked: Mapping[str, str]
    """Why a metric could not be recomputed, by its name."""
    is_recomputed: bool
    """Whether it has a result, and all its metrics were recomputed from its predictions, with the same values."""


def trial_problems(trial: Trial, metrics: Sequence[Entry[Metric]]) -> list[str]:
    """Return a sentence for each problem of a trial or of its runtimes; see :func:`check_trial`."""
    return list(check_trial(trial, metrics).problems)


def check_trial(trial: Trial, metrics: Sequence[Entry[Metric]]) -> TrialCheck:
    """Verify a trial and its runtimes.

    All files except the weights must exist and match their checksums. Every metric that *metrics* contain in the
    version of the record is recomputed from the predictions.
    """
    folder, record = trial
    name = one_line(f"{folder.name} {runtime_name(record)}".rstrip(), max_length=120)
    problems = _file_problems(folder, record, name)
    if record.outcome is not Outcome.DONE or problems:
        return TrialCheck(problems=tuple(problems), unchecked={}, is_recomputed=False)
    try:
        problems, unchecked = _recompute(folder, record, name, metrics)
    except StoreError as error:
        return TrialCheck(problems=(f"{name}: {one_line(error)}",), unchecked={}, is_recomputed=False)
    try:
        for further in () if isinstance(record, RuntimeRecord) else record.test_sets:
            problems += _further_problems(folder, record, f"{name} on {one_line(further)}", further, metrics)
    except StoreError as error:
        problems.append(f"{name}: {one_line(error)}")
    for result in [] if isinstance(record, RuntimeRecord) else results_in(folder, record):
        if isinstance(result, StoreError):
            problems.append(one_line(result))
        else:
            check = check_trial((folder, as_record(record, result)), metrics)
            problems += check.problems
            unchecked |= check.unchecked
    is_recomputed = bool(record.metrics) and not problems and not unchecked
    return TrialCheck(problems=tuple(problems), unchecked=unchecked, is_recomputed=is_recomputed)


def _file_problems(folder: Path, record: Record, name: str) -> list[str]:
    problems = []
    for file, sha256 in record.files.items():
        if file != Path(file).name or file in (".", "..", ""):
            problems.append(f"{name}: its record names {one_line(file)!r}, which is not a file in its folder")
        elif not (folder / file).is_file():
            if file != CHECKPOINT_FILE:  # weights are large, and no number depends on them
                problems.append(f"{name}: {one_line(file)} is missing")
        elif _digest(folder / file) != sha256:
            problems.append(f"{name}: {one_line(file)} does not match the checksum in its record")
    return problems


def _val_problems(folder: Path, record: Record, name: str) -> list[str]:
    """Return the problems of a trial's validation predictions, which records of earlier versions do not have.

    Raises:
        StoreError: If they cannot be read.
    """
    if record.data is None or VAL_FILE_NAME not in record.files:
        return []
    num_images = len(load_predictions(folder, name=VAL_FILE_NAME).predictions.labels)
    if num_images == record.data.num_val:
        return []
    return [f"{name}: predictions of {num_images:,} validation images, but its record states {record.data.num_val:,}"]


def _recompute(
    folder: Path, record: Record, name: str, metrics: Sequence[Entry[Metric]]
) -> tuple[list[str], dict[str, str]]:
    """Return the problems of the metrics of a record, and why a metric could not be recomputed.

    Raises:
        StoreError: If its predictions cannot be read.
    """
    of_predictions = predictions_file(record)
    if of_predictions not in record.files:
        return [f"{name}: its record has no checksum of {of_predictions}, so nothing can be recomputed"], {}
    saved = load_predictions(folder, name=of_predictions)
    predictions = with_validation(saved.predictions, folder, record.files)
    problems = _val_problems(folder, record, name)
    num_repeated = len(saved.samples) - len(np.unique(saved.samples))
    if num_repeated:
        problems.append(f"{name}: {one_line(of_predictions)} has {plural(num_repeated, 'image')} more than once")
    if record.data is not None and len(predictions.labels) != record.data.num_test:
        problems.append(
            f"{name}: predictions of {len(predictions.labels):,} images, but its record states {record.data.num_test:,}"
        )
    wrong, unchecked = _compare(predictions, record.metrics, name, metrics)
    return problems + wrong, unchecked


def _further_problems(
    folder: Path, record: Record, name: str, further: str, metrics: Sequence[Entry[Metric]]
) -> list[str]:
    """Return the problems of the results of a further test set.

    Raises:
        StoreError: If its predictions cannot be read.
    """
    result, file = record.test_sets[further], further_file(further)
    if file not in record.files:
        return [f"{name}: its record has no checksum of {one_line(file)}, so nothing can be recomputed"]
    predictions = with_validation(load_predictions(folder, name=file).predictions, folder, record.files)
    problems = []
    if len(predictions.labels) != result.num_images:
        problems.append(
            f"{name}: predictions of {len(predictions.labels):,} images, but its record states {result.num_images:,}"
        )
    return problems + _compare(predictions, result.metrics, name, metrics)[0]


def _compare(
    predictions: Predictions, values: Mapping[str, MetricValue], name: str, metrics: Sequence[Entry[Metric]]
) -> tuple[list[str], dict[str, str]]:
    """Return a sentence for each metric that predictions contradict, and why others could not be recomputed."""
    problems: list[str] = []
    unchecked: dict[str, str] = {}
    known = {called: entry for entry in metrics for called in (entry.full_name, entry.display_name)}
    for metric, reported in values.items():
        entry = known.get(metric)
        if entry is None:
            unchecked[metric] = "no plugin here provides it"
            continue
        if entry.record.version != reported.version:
            unchecked[metric] = f"its version is {entry.record.version} here, and {reported.version} in the record"
            continue
        scores = score(predictions, [entry])
        computed = scores.values.get(entry.display_name)
        if computed is None:
            unchecked[metric] = f"it is not defined for {len(predictions.classes)} classes"
        elif scores.problems and not same(computed.value, reported.value):
            unchecked[metric] = one_line(scores.problems[0])
        elif not same(computed.value, reported.value):
            problems.append(
                f"{name}: {one_line(metric)} is {shown(computed.value)} in its predictions, but its record states "
                f"{shown(reported.value)}"
            )
    return problems, unchecked


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file; empty if it cannot be read."""
    try:
        return digest_of(path, file_kind(path.name))
    except OSError:
        return ""


def store_problems(trials: Sequence[Trial], *, required_seeds: int) -> list[str]:
    """Return a sentence for each row with duplicate seeds, or with fewer than *required_seeds*."""
    problems = []
    for group in group_trials(trials):
        title = one_line(group.example.spec.title.rpartition(" · ")[0])
        if group.repeated:
            problems.append(f"{title}: {plural(group.repeated, 'duplicate seed')}")
        # What was not trained here has no seeds.
        if group.example.origin is None and len(group.done) < required_seeds:
            problems.append(f"{title}: {plural(len(group.done), 'finished seed')}, but {required_seeds} are required")
    return [*problems, *_fold_problems(trials), *_ensemble_problems(trials)]


def _fold_problems(trials: Sequence[Trial]) -> list[str]:
    """Return a sentence for each pooled trial whose predictions are not those of its folds."""
    folders = {record.trial_id: (folder, record) for folder, record in trials}
    problems = []
    for folder, record in trials:
        name = one_line(folder.name, max_length=120)
        folds = [folders[each] for each in record.folds if each in folders]
        if not record.folds:
            continue
        if len(folds) < len(record.folds):
            problems.append(f"{name}: {len(record.folds) - len(folds)} of its {len(record.folds)} folds are missing")
            continue
        try:
            saved = concatenated([load_predictions(each, sha256=record.folds[one.trial_id]) for each, one in folds])
            own = load_predictions(folder)
        except StoreError as error:
            problems.append(f"{name}: {one_line(error)}")
            continue
        same = saved.samples.tobytes() == own.samples.tobytes()
        if not same or saved.predictions.logits.tobytes() != own.predictions.logits.tobytes():
            problems.append(f"{name}: its predictions are not those of its folds")
    return problems


def _ensemble_problems(trials: Sequence[Trial]) -> list[str]:
    """Return a sentence for each ensemble whose predictions are not the mean of those of its members.

    Only ensembles whose members are among *trials* and weigh the same can be checked.
    """
    by_content: dict[str, tuple[Path, str]] = {}
    for folder, record in trials:
        by_content |= {sha256: (folder, file) for file, sha256 in record.files.items()}
    problems = []
    for folder, record in trials:
        origin = record.origin
        if origin is None or origin.kind is not OriginKind.ENSEMBLE or record.spec.architecture.options.get("weights"):
            continue
        members = [by_content[sha256] for sha256 in origin.files.values() if sha256 in by_content]
        if len(members) < len(origin.files):
            continue
        name = one_line(folder.name, max_length=120)
        try:
            mean = mean_predictions([load_predictions(each, name=file) for each, file in members])
            saved = load_predictions(folder)
        except StoreError as error:
            problems.append(f"{name}: {one_line(error)}")
            continue
        alike = mean.samples.tobytes() == saved.samples.tobytes() and np.allclose(
            mean.predictions.probabilities, saved.predictions.probabilities, rtol=_TOLERANCE, atol=_TOLERANCE
        )
        if not alike:
            problems.append(f"{name}: its predictions are not the mean of those of its members")
    return problems


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal, numbers within a relative tolerance for versions of NumPy."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    numbers = isinstance(one, (int, float)) and isinstance(other, (int, float))
    return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE) if numbers else bool(one == other)


def shown(value: Any) -> str:
    """Return a value for a sentence."""
    return f"{value:.6g}" if isinstance(value, float) else one_line(value, max_length=80)


def sample_of(trials: Sequence[Trial], count: int, seed: int) -> list[Trial]:
    """Return *count* finished trials, chosen by a seed of the verifier's, which no submitter can know.

    Pooled folds are not chosen; single folds are. Nor are predictions made elsewhere and ensembles, which nothing ran.
    """
    done = [trial for trial in trials if trial[1].outcome is Outcome.DONE and not trial[1].folds]
    done = [trial for trial in done if trial[1].origin is None or trial[1].origin.has_network]

    def drawn(trial: Trial) -> str:
        return hashlib.sha256(f"{seed} {trial[1].result_key} {trial[1].trial_id}".encode()).hexdigest()

    return sorted(done, key=drawn)[:count]


def noise_problem(again: Record, reported: Record, siblings: Sequence[Record]) -> str:
    """Return why the repetition of a trial contradicts its record; empty if it is within the noise of seeds.

    The difference of two runs has twice the variance of one. It is estimated from the seeds of the row, with the t
    quantile for their number, and is at least the sampling error of the test images.

    Args:
        again: The record of the new run.
        reported: The record that was checked.
        siblings: Records of all seeds of its row.
    """
    if again.outcome is not Outcome.DONE:
        return f"the repetition ended as {again.outcome.value}: {one_line(again.reason)}"
    for what, new, old in (
        ("test images", again.data and again.data.fingerprint, reported.data and reported.data.fingerprint),
        ("number of parameters", again.model and again.model.params, reported.model and reported.model.params),
        ("number of multiply-accumulates", again.model and again.model.macs, reported.model and reported.model.macs),
    ):
        if new is not None and new != old:
            return f"the repetition has another {what}: {one_line(str(new)[:12])} instead of {one_line(str(old)[:12])}"
    new, old = again.metrics["accuracy"].value, reported.metrics["accuracy"].value
    allowed = seed_noise([record.metrics["accuracy"].value for record in siblings], _num_test(reported), old)
    if abs(new - old) <= allowed:
        return ""
    return f"the repetition has an accuracy of {new:.4f}, but {old:.4f} is reported: seeds explain only {allowed:.4f}"


def seed_noise(accuracies: Sequence[float], num_test: int, accuracy: float) -> float:
    """Return the largest difference between two runs of one row that seeds explain, at 95 %."""
    import statistics

    chance = max(accuracy * (1 - accuracy), 1 / (num_test + 2))
    floor = 1.96 * math.sqrt(2 * chance / num_test)
    if len(accuracies) < 2:
        return floor
    quantile = student_t.quantile(len(accuracies) - 1, (1 + CONFIDENCE) / 2)
    return max(floor, quantile * math.sqrt(2) * statistics.stdev(accuracies))


def _num_test(record: Record) -> int:
    return record.data.num_test if record.data else 1
