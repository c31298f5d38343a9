"""Evidence: what a row's seeds predicted, read once, checked against the sums in their records.

Shape suffixes: S seeds, N test images, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.records.predictions import load_predictions
from harness.records.runtime_result import predictions_file
from harness.system.atomic_files import sha256_of
from reports.trials.reading import Trial
from zoo.errors import StoreError
from zoo.metric import Predictions
from zoo.text import one_line

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Evidence:
    """Predictions of a row's seeds for the same images in the same order."""

    samples_N: NDArray[np.uint64]
    """Ascending."""
    labels_N: NDArray[np.int64]
    classes: tuple[str, ...]
    probabilities_NK: Floats
    """Mean over seeds."""
    correct_SN: Floats
    """In [0, 1]; a label among m that tie for the highest logit is 1/m right."""
    confusion_KK: Floats
    """Mean over seeds of counts; rows are true classes."""
    confidence_M: Floats
    """Of all seeds, one after the other: the highest probability of each prediction."""
    right_M: Floats

    @property
    def mean(self) -> float:
        return float(self.correct_SN.mean())


def read_evidence(trials: Sequence[Trial]) -> Evidence | str:
    """Return what *trials* predicted, or one sentence on why that is not known."""
    if not trials:
        return "no seed is done"
    read: list[tuple[Predictions, NDArray[np.uint64]]] = []
    for folder, record in trials:
        name = predictions_file(record)
        path = folder / name
        try:
            if not path.is_file():
                return f"seed {record.spec.seed} has no {name}"
            expected = record.files.get(name)
            if expected is not None and sha256_of(path) != expected:
                return f"the {name} of seed {record.spec.seed} does not match the checksum in its record"
            saved = load_predictions(folder, name=name)
        except (OSError, StoreError):
            return f"the predictions of seed {record.spec.seed} cannot be read"
        order = np.argsort(saved.samples, kind="stable")
        if len(saved.samples) != len(saved.predictions.labels):
            return f"the {predictions_file(record)} of seed {record.spec.seed} does not name each of its images"
        predictions = saved.predictions
        ordered = Predictions(
            logits=predictions.logits[order], labels=predictions.labels[order], classes=predictions.classes
        )
        read.append((ordered, saved.samples[order]))
    first, samples_N = read[0]
    for predictions, samples in read[1:]:
        if not np.array_equal(samples, samples_N) or predictions.classes != first.classes:
            return "its seeds were tested on different images"
    correct = []
    for predictions, _ in read:
        logits_NK = predictions.logits
        highest_N1 = logits_NK.max(axis=1, keepdims=True)
        is_top_NK = logits_NK == highest_N1
        correct.append(is_top_NK[np.arange(len(logits_NK)), predictions.labels] / is_top_NK.sum(axis=1))
    return Evidence(
        samples_N=samples_N,
        labels_N=first.labels,
        classes=first.classes,
        probabilities_NK=np.mean([predictions.probabilities for predictions, _ in read], axis=0),
        correct_SN=np.stack(correct),
        confusion_KK=np.mean([predictions.confusion for predictions, _ in read], axis=0),
        confidence_M=np.concatenate([predictions.probabilities.max(axis=1) for predictions, _ in read]),
        right_M=np.concatenate(correct),
    )


def class_names(classes: Sequence[str]) -> list[str]:
    """Return names that are fit to be shown."""
    return [one_line(name, max_length=80) or "(no name)" for name in classes]
