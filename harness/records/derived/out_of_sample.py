"""Out-of-sample predictions: the mean probabilities of images that networks were not trained on, over many trials.

They come from the test and validation predictions of trials, and from all folds of a cross-validation.
Shape suffixes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.records.predictions import FILE_NAME, VAL_FILE_NAME, load_predictions
from harness.records.record import Outcome, Record
from zoo.errors import StoreError


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class OutOfSample:
    """What networks say about images that they were not trained on."""

    samples_N: NDArray[np.uint64]
    """Hashed ids, ascending."""
    probabilities_NK: NDArray[np.float64]
    """Mean over the networks that were not trained on the image."""
    counts_N: NDArray[np.int64]
    """Number of these networks."""
    problems: tuple[str, ...]
    """A sentence for each file that could not be read."""


def out_of_sample(trials: Iterable[tuple[Path, Record]], classes: Sequence[str]) -> OutOfSample:
    """Return the mean probabilities over the finished trials among *trials* that have these classes.

    Pooled folds are left out, because the folds themselves are among the trials; so are predictions without scores.
    """
    problems: list[str] = []
    samples: list[NDArray[np.uint64]] = []
    probabilities: list[NDArray[np.float64]] = []
    for folder, record in trials:
        if record.outcome is not Outcome.DONE or record.folds:
            continue
        for name in (FILE_NAME, VAL_FILE_NAME):
            if name not in record.files:
                continue
            try:
                saved = load_predictions(folder, sha256=record.files[name], name=name)
            except StoreError as error:
                problems.append(f"{folder}: {error}")
                continue
            if saved.predictions.classes == tuple(classes) and saved.predictions.has_scores:
                samples.append(saved.samples)
                probabilities.append(saved.predictions.probabilities)
    if not samples:
        none = np.empty((0, len(classes)))
        empty = np.empty(0, dtype=np.int64)
        return OutOfSample(
            samples_N=empty.astype(np.uint64), probabilities_NK=none, counts_N=empty, problems=tuple(problems)
        )
    samples_N, place, counts_N = np.unique(np.concatenate(samples), return_inverse=True, return_counts=True)
    total_NK = np.zeros((len(samples_N), len(classes)))
    np.add.at(total_NK, place, np.concatenate(probabilities))
    return OutOfSample(
        samples_N=samples_N,
        probabilities_NK=total_NK / counts_N[:, None],
        counts_N=counts_N.astype(np.int64),
        problems=tuple(problems),
    )
