"""Rejecting: leaving images unanswered whose most probable class is not probable enough.

The threshold is given, or follows from an accuracy that is wanted: it is then chosen on the trial's validation images,
and never on test images. Shape suffixes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.classifiers.predicting import ImagePrediction
from harness.records.predictions import VAL_FILE_NAME, load_predictions
from harness.records.store import RECORD_FILE, read_record
from zoo.errors import StoreError, UsageError
from zoo.metric import Predictions
from zoo.text import plural


@dataclass(kw_only=True)
class Rejection:
    """A threshold, and how many images it has left unanswered so far."""

    threshold: float
    """Lowest probability of an answer."""
    origin: str = ""
    """How it was chosen, in one sentence; empty if it was given."""
    answered: int = 0
    rejected: int = 0

    def apply(self, predictions: Iterable[ImagePrediction]) -> Iterator[ImagePrediction]:
        """Yield predictions; those below the threshold have a reason instead of classes. Unreadable images stay."""
        for each in predictions:
            if each.logits_K is None:
                yield each
                continue
            ((_, probability),) = each.top(1)
            if probability >= self.threshold:
                self.answered += 1
                yield each
            else:
                self.rejected += 1
                reason = f"rejected: its probability of {probability:.4f} is below {self.threshold:.4f}"
                yield ImagePrediction(name=each.name, logits_K=None, problem=reason)

    @property
    def summary(self) -> str:
        """The coverage so far, in one sentence."""
        total = self.answered + self.rejected
        share = f" ({100 * self.answered / total:.1f} %)" if total else ""
        return (
            f"{self.answered:,} of {plural(total, 'image')}{share} answered, with a probability of at least "
            f"{self.threshold:.4f}"
        )


def rejection_of(text: str, folder: Path | None) -> Rejection:
    """Return the rejection that ``--reject-below`` asks for.

    Args:
        text: A probability, such as ``0.9``, or an accuracy, such as ``95%``.
        folder: Folder of the classifier's trial, whose validation predictions an accuracy needs; None: it has none.

    Raises:
        UsageError: If it is neither, or no threshold gives the accuracy.
        StoreError: If there are no validation predictions.
    """
    is_accuracy = text.strip().endswith("%")
    try:
        value = float(text.strip().removesuffix("%")) / (100 if is_accuracy else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(
            f"--reject-below {text}: expected a probability from 0 to 1, such as 0.9, or an accuracy, such as 95%"
        )
    if not is_accuracy:
        return Rejection(threshold=value)
    validation = _validation_of(folder, text)
    found = threshold_for(validation, value)
    if found is None:
        raise UsageError(
            f"--reject-below {text}: no threshold gives that accuracy on the {len(validation.labels):,} validation "
            f"images; {100 * _best(validation):.1f} % is the highest"
        )
    threshold, coverage, accuracy = found
    return Rejection(
        threshold=threshold,
        origin=f"threshold {threshold:.4f} chosen on {plural(len(validation.labels), 'validation image')}: "
        f"{100 * accuracy:.1f} % right among the {100 * coverage:.1f} % answered",
    )


def threshold_for(validation: Predictions, accuracy: float) -> tuple[float, float, float] | None:
    """Return the threshold that answers most images with at least *accuracy*, with its coverage and accuracy.

    None: there is no such threshold. Images of equal probability are answered together.
    """
    confidence_G, accuracy_G, coverage_G = _curve(validation)
    fits = np.flatnonzero(accuracy_G >= accuracy - 1e-12)
    if not len(fits):
        return None
    last = int(fits[-1])
    return float(confidence_G[last]), float(coverage_G[last]), float(accuracy_G[last])


def _best(validation: Predictions) -> float:
    return float(_curve(validation)[1].max())


def _curve(validation: Predictions) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return each threshold with the accuracy and the share of the images answered, from the highest down."""
    right_N = validation.logits.argmax(axis=1) == validation.labels
    confidence_N = validation.probabilities.max(axis=1)
    order = np.argsort(-confidence_N, kind="stable")
    ordered_N = confidence_N[order]
    ends_G = np.flatnonzero(np.append(ordered_N[1:] < ordered_N[:-1], True))
    answered_G = ends_G + 1
    return ordered_N[ends_G], np.cumsum(right_N[order])[ends_G] / answered_G, answered_G / len(ordered_N)


def _validation_of(folder: Path | None, text: str) -> Predictions:
    if folder is None:
        raise StoreError(
            f"--reject-below {text}: an accuracy needs the validation predictions in the folder of the trial, and this "
            "file comes without; give the trial's folder, or a probability"
        )
    record = read_record(folder / RECORD_FILE)
    if VAL_FILE_NAME not in record.files:
        raise StoreError(
            f"--reject-below {text}: {folder} has no validation predictions, as an earlier version of zoo made it; "
            "give a probability"
        )
    return load_predictions(folder, sha256=record.files[VAL_FILE_NAME], name=VAL_FILE_NAME).predictions
