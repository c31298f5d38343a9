"""Evidence: the predictions of a row's seeds, read once and checked against the checksums in their records.

Shape suffixes: S seeds, N test images, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.records.predictions import load_predictions
from harness.records.runtime_result import predictions_file
from reports.trials.correctness import share_correct
from reports.trials.reading import Trial
from zoo.errors import StoreError
from zoo.files.plain_files import PREDICTIONS, digest_of
from zoo.metric import Predictions
from zoo.text import one_line

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Evidence:
    """Predictions of several seeds for the same images, in the same order."""

    samples_N: NDArray[np.uint64]
    """Image ids, ascending."""
    labels_N: NDArray[np.int64]
    classes: tuple[str, ...]
    probabilities_NK: Floats
    """Mean over seeds."""
    correct_SN: Floats
    """See :func:`reports.trials.correctness.share_correct`."""
    confusion_KK: Floats
    """Mean counts over seeds; rows are true classes."""
    confidence_M: Floats
    """Highest probability of each prediction, of all seeds in turn."""
    right_M: Floats
    folds_SN: NDArray[np.int64] | None = None
    """Cross-validation fold of each image under each seed; None if there are none."""
    has_scores: bool = True
    """Whether probabilities and confidence are a network's; False if only the predicted classes are known."""

    @property
    def mean(self) -> float:
        return float(self.correct_SN.mean())


def read_evidence(trials: Sequence[Trial]) -> Evidence | str:
    """Return the predictions of *trials*, or a sentence on why they cannot be used."""
    if not trials:
        return "no seed has finished"
    read: list[tuple[Predictions, NDArray[np.uint64]]] = []
    folds: list[NDArray[np.int64]] = []
    for folder, record in trials:
        name = predictions_file(record)
        path = folder / name
        try:
            if not path.is_file():
                return f"{name} of seed {record.spec.seed} is missing"
            expected = record.files.get(name)
            if expected is not None and digest_of(path, PREDICTIONS) != expected:
                return f"{name} of seed {record.spec.seed} does not match the checksum in its record"
            saved = load_predictions(folder, name=name)
        except (OSError, StoreError):
            return f"the predictions of seed {record.spec.seed} cannot be read"
        order = np.argsort(saved.samples, kind="stable")
        if len(saved.samples) != len(saved.predictions.labels):
            return f"{name} of seed {record.spec.seed} does not name every image"
        read.append((saved.predictions.select(order), saved.samples[order]))
        if saved.folds is not None:
            folds.append(saved.folds[order])
    first, samples_N = read[0]
    for predictions, samples in read[1:]:
        if not np.array_equal(samples, samples_N) or predictions.classes != first.classes:
            return "the seeds were tested on different images"
    correct = [share_correct(predictions) for predictions, _ in read]
    return Evidence(
        samples_N=samples_N,
        labels_N=first.labels,
        classes=first.classes,
        probabilities_NK=np.mean([predictions.probabilities for predictions, _ in read], axis=0),
        correct_SN=np.stack(correct),
        confusion_KK=np.mean([predictions.confusion for predictions, _ in read], axis=0),
        confidence_M=np.concatenate([predictions.probabilities.max(axis=1) for predictions, _ in read]),
        right_M=np.concatenate(correct),
        folds_SN=np.stack(folds) if len(folds) == len(read) else None,
        has_scores=all(predictions.has_scores for predictions, _ in read),
    )


def class_names(classes: Sequence[str]) -> list[str]:
    """Return class names that are safe to show."""
    return [one_line(name, max_length=80) or "(no name)" for name in classes]
