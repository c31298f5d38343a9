"""Correctness: which test images a trial got right, from its saved predictions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.records.predictions import load_predictions
from harness.records.record import Record
from harness.records.runtime_result import predictions_file
from zoo.errors import StoreError


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Correctness:
    """How right a trial was on each test image."""

    correct_N: NDArray[np.float64]
    """In [0, 1], in the order of the images' ids; a label among m that tie for the highest logit is 1/m right."""
    images: bytes
    """Digest of the images' ids: equal for two trials that were tested on the same images."""


def read_correctness(folder: Path, record: Record) -> Correctness | str:
    """Return a trial's correctness, or one sentence on why there is none."""
    name = predictions_file(record)
    if not (folder / name).is_file():
        return f"it has no {name}"
    try:
        saved = load_predictions(folder, sha256=record.files.get(name), name=name)
    except StoreError as error:
        return str(error)
    predictions = saved.predictions
    if len(saved.samples) != len(predictions.labels):
        return f"its {name} does not name each of its images"
    logits_NK = predictions.logits
    highest_N1 = logits_NK.max(axis=1, keepdims=True)
    label_is_top_N = logits_NK[np.arange(len(logits_NK)), predictions.labels] == highest_N1[:, 0]
    num_top_N = (logits_NK == highest_N1).sum(axis=1)
    order, images = _order_of(saved.samples.tobytes())
    return Correctness(correct_N=(label_is_top_N / num_top_N)[order], images=images)


@lru_cache(maxsize=16)
def _order_of(samples: bytes) -> tuple[NDArray[np.intp], bytes]:
    """Return the order of the images' ids, and a digest of them in that order.

    Trials of one dataset mostly save their images in the same order, so it is kept.
    """
    samples_N = np.frombuffer(samples, dtype=np.uint64)
    order = np.argsort(samples_N, kind="stable")
    return order, hashlib.sha256(samples_N[order].tobytes()).digest()
