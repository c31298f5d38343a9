"""Correctness: which test images a trial classified correctly, from its saved predictions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.records.predictions import SavedPredictions, load_predictions, with_validation
from harness.records.record import Record
from harness.records.runtime_result import predictions_file
from zoo.errors import StoreError
from zoo.metric import Predictions


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Correctness:
    """How correct a trial is on each test image."""

    correct_N: NDArray[np.float64]
    """See :func:`share_correct`; ordered by image id."""
    folds_N: NDArray[np.int64] | None = None
    """Cross-validation fold that each image was tested in; None if there are none."""
    images: bytes
    """Digest of the image ids: equal for two trials that were tested on the same images."""


def read_correctness(folder: Path, record: Record) -> Correctness | str:
    """Return the correctness of a trial, or a sentence on why it is not known."""
    saved = _read(folder, record)
    if isinstance(saved, str):
        return saved
    order, images = _order_of(saved.samples.tobytes())
    folds_N = None if saved.folds is None else saved.folds[order]
    return Correctness(correct_N=share_correct(saved.predictions)[order], images=images, folds_N=folds_N)


def _read(folder: Path, record: Record) -> SavedPredictions | str:
    name = predictions_file(record)
    try:
        saved = load_predictions(folder, sha256=record.files.get(name), name=name)
    except StoreError as error:
        return str(error) if (folder / name).is_file() else f"{name} is missing"
    return saved if len(saved.samples) == len(saved.predictions.labels) else f"{name} does not name every image"


def folds_of(seeds: Sequence[Correctness]) -> NDArray[np.int64] | None:
    """Return ``[S, N]``: the cross-validation fold of each image under each seed of a row; None if there are none."""
    folds = [each.folds_N for each in seeds if each.folds_N is not None]
    return np.stack(folds) if len(folds) == len(seeds) else None


def share_correct(predictions: Predictions) -> NDArray[np.float64]:
    """Return ``[N]``, in [0, 1]: an image whose label is among m classes that tie for the highest logit counts 1/m."""
    logits_NK = predictions.logits
    top_N = np.ascontiguousarray(logits_NK.T).max(axis=0)  # rows of few classes are slow to go through one by one
    correct_N: NDArray[np.float64] = (logits_NK[np.arange(len(logits_NK)), predictions.labels] == top_N).astype(
        np.float64
    )
    is_top_NK = logits_NK == top_N[:, None]
    if np.count_nonzero(is_top_NK) > len(top_N):
        correct_N /= is_top_NK.sum(axis=1)
    return correct_N


def read_predictions(folder: Path, record: Record) -> tuple[Predictions, bytes, NDArray[np.int64] | None] | str:
    """Return a trial's predictions in the order of the image ids, a digest of these, and each image's fold if there
    are any; or why they are not known.
    """
    saved = _read(folder, record)
    if isinstance(saved, str):
        return saved
    order, images = _order_of(saved.samples.tobytes())
    try:
        predictions = with_validation(saved.predictions.select(order), folder, record.files)
        return predictions, images, None if saved.folds is None else saved.folds[order]
    except StoreError as error:
        return str(error)


@lru_cache(maxsize=16)
def _order_of(samples: bytes) -> tuple[NDArray[np.intp], bytes]:
    """Return the order that sorts image ids, and a digest of the sorted ids.

    Trials of one dataset mostly save their images in the same order, so the result is cached.
    """
    samples_N = np.frombuffer(samples, dtype=np.uint64)
    order = np.argsort(samples_N, kind="stable")
    return order, hashlib.sha256(samples_N[order].tobytes()).digest()
