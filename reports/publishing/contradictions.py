"""Contradictions: trials that cannot be what they state, as they and the other trials show, without the data.

Whoever edits a record can redo its checksum. What depends on more than the edited field still shows: the key of a trial
is a hash of its settings; seeds of one row have networks of one size and the same metrics; two trainings that drew
other random numbers do not predict the same scores, bit for bit; a median lies within its range; and a history and
predictions for the validation images repeat what a record says of its training.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.records.history import read_history
from harness.records.keys import result_key
from harness.records.predictions import FILE_NAME, VAL_FILE_NAME, load_predictions
from harness.records.record import Outcome, Rate, Record, TrainingInfo
from harness.records.store import HISTORY_FILE
from reports.trials.grouping import group_trials
from reports.trials.reading import Trial
from zoo.catalog import Entry
from zoo.errors import StoreError
from zoo.metric import Metric
from zoo.text import one_line, plural

_TOLERANCE = 1e-6
"""Relative tolerance of numbers that a record repeats."""
_OTHER_SHARE = 0.01
"""Share of validation images, beside one, that may be classified otherwise after training than in it: devices and
batches of other sizes round otherwise."""


def contradictions(trials: Sequence[Trial], metrics: Sequence[Entry[Metric]] = ()) -> list[str]:
    """Return a sentence for each trial that contradicts itself or another one.

    Args:
        trials: The trials.
        metrics: Metrics of the catalog; all seeds of a row have the built-in ones, or none has.
    """
    done = [trial for trial in trials if trial[1].outcome is Outcome.DONE]
    return [
        *_other_keys(done),
        *_other_sizes(done),
        *_other_metrics(done, metrics),
        *_copies(done),
        *_impossible_speeds(done),
        *_other_courses(done),
    ]


def _name(folder_or_id: str) -> str:
    return one_line(folder_or_id, max_length=120)


def _other_keys(done: Sequence[Trial]) -> list[str]:
    """Return a sentence for each trial whose key is not the hash of the settings, images and origin that it states."""
    problems = []
    for folder, record in done:
        if record.data is None:
            continue
        key = result_key(
            record.spec,
            fingerprint=record.data.fingerprint,
            pixels=record.data.pixels,
            torch_version=str(record.environment.get("torch", "")),
            origin=record.origin,
        )
        if key != record.result_key:
            problems.append(
                f"{_name(folder.name)}: its key {one_line(record.result_key[:12])} is not that of the settings, images "
                f"and origin that it states, {key[:12]}"
            )
    return problems


def _other_sizes(done: Sequence[Trial]) -> list[str]:
    """Return a sentence for each row whose seeds state networks of different sizes."""
    problems = []
    for group in group_trials(done):
        for what, read in (("parameters", _params), ("multiply-accumulates", _macs)):
            sizes = {size for _, record in group.done.values() if (size := read(record)) is not None}
            if len(sizes) > 1:
                title = one_line(group.example.spec.title.rpartition(" · ")[0])
                numbers = " and ".join(f"{size:,}" for size in sorted(sizes))
                problems.append(f"{title}: its seeds state {numbers} {what}, but they train the same network")
    return problems


def _other_metrics(done: Sequence[Trial], metrics: Sequence[Entry[Metric]]) -> list[str]:
    """Return a sentence for each seed without a built-in metric that another seed of its row has.

    A metric of a plugin is there only if the plugin was, and one that needs a file only if that is there.
    """
    built_in = {entry.display_name for entry in metrics if entry.provider.origin == "built-in"}
    problems = []
    for group in group_trials(done):
        seeds = list(group.done.values())
        for folder, record in seeds:
            alike = [other for _, other in seeds if _scored_alike(other, record)]
            missing = {name for other in alike for name in other.metrics if name in built_in} - record.metrics.keys()
            if missing:
                problems.append(
                    f"{_name(folder.name)}: its record has no {one_line(', '.join(sorted(missing)), max_length=80)}, "
                    "which another seed of its row has"
                )
    return problems


def _scored_alike(one: Record, other: Record) -> bool:
    versions = {str(each.environment.get("zoobench", "")) for each in (one, other)}
    return len(versions) == 1 and one.files.keys() == other.files.keys()


def _params(record: Record) -> int | None:
    return record.model.params if record.model else None


def _macs(record: Record) -> int | None:
    return record.model.macs if record.model else None


def _copies(done: Sequence[Trial]) -> list[str]:
    """Return a sentence for each trained network with the scores of one of another seed or size, bit for bit.

    A setting that a network ignores, and another name of the same network, do give the same scores; another seed or
    another size does not. Heads on features have closed solutions, and what was not trained here has no seeds.
    """
    known: dict[str, list[tuple[str, Record]]] = {}
    problems = []
    for folder, record in done:
        if record.origin or record.features or record.folds or record.spec.classifier or not record.training:
            continue
        try:
            saved = load_predictions(folder)
        except StoreError:
            continue  # the check of the trial names it
        scores_NK = saved.predictions.logits[np.argsort(saved.samples, kind="stable")]
        same = known.setdefault(hashlib.sha256(scores_NK.tobytes()).hexdigest(), [])
        for name, other in same:
            if record.spec.seed != other.spec.seed or _params(record) != _params(other):
                problems.append(
                    f"{_name(folder.name)}: {FILE_NAME} holds the scores of {_name(name)}, bit for bit, which another "
                    "seed or network does not give"
                )
                break
        same.append((folder.name, record))
    return problems


def _impossible_speeds(done: Sequence[Trial]) -> list[str]:
    """Return a sentence for each trial with a median outside of the range of its windows."""
    problems = []
    for folder, record in done:
        speed = record.speed
        if speed is None:
            continue
        for name, rate in ((name, getattr(speed, name)) for name in type(speed).model_fields):
            if isinstance(rate, Rate) and not rate.low <= rate.median <= rate.high:
                problems.append(
                    f"{_name(folder.name)}: its {name} rate {rate.median:,.6g} images/s is outside of the range of its "
                    f"windows, {rate.low:,.6g} to {rate.high:,.6g}"
                )
        latency = speed.latency
        if latency is not None and latency.p50_ms > latency.p95_ms:
            problems.append(
                f"{_name(folder.name)}: its median latency {latency.p50_ms:.6g} ms is above the 95 % quantile, "
                f"{latency.p95_ms:.6g} ms"
            )
    return problems


def _other_courses(done: Sequence[Trial]) -> list[str]:
    """Return a sentence for each trial whose training did not go as its record says."""
    problems = []
    for folder, record in done:
        if record.training is None or HISTORY_FILE not in record.files:
            continue
        try:
            reason = _course_problem(folder, record, record.training)
        except (OSError, StoreError):
            continue  # the check of the trial names it
        if reason:
            problems.append(f"{_name(folder.name)}: {reason}")
    return problems


def _course_problem(folder: Path, record: Record, training: TrainingInfo) -> str:
    """Return how a record of a training differs from its history and its validation predictions; empty if it does not.

    Raises:
        OSError: If the history cannot be read.
        StoreError: If the predictions cannot be read.
    """
    epochs = {row["epoch"]: row for row in read_history(folder / HISTORY_FILE) if row.get("event") == "epoch"}
    if not epochs:
        return f"{HISTORY_FILE} has no whole row of an epoch"
    if max(epochs) != training.epochs_run or training.tested_epoch not in epochs:
        return (
            f"its record states {plural(training.epochs_run, 'epoch')} and that epoch {training.tested_epoch} was "
            f"tested, but its history has {max(epochs)}"
        )
    stated = {
        "highest validation accuracy": (
            training.best_val_accuracy,
            max(row.get("val_accuracy") or 0.0 for row in epochs.values()),
        ),
        "last training loss": (training.final_train_loss, epochs[max(epochs)].get("train_loss")),
    }
    for what, (own, other) in stated.items():
        if isinstance(other, int | float) and not math.isclose(own, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE):
            return f"its record states {own:.6g} as {what}, but its history {other:.6g}"
    accuracy = epochs[training.tested_epoch].get("val_accuracy")
    if VAL_FILE_NAME not in record.files or not isinstance(accuracy, int | float):
        return ""
    val = load_predictions(folder, name=VAL_FILE_NAME).predictions
    measured = float((val.logits.argmax(axis=1) == val.labels).mean())
    if abs(measured - accuracy) > _OTHER_SHARE + 1 / len(val.labels):
        return (
            f"its history states a validation accuracy of {accuracy:.6g} for the tested epoch, but its predictions for "
            f"the validation images give {measured:.6g}"
        )
    return ""
