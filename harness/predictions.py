"""Saved test predictions: logits, labels and sample ids of one trial. Never needs torch.

``predictions.safetensors`` holds ``logits`` ``[N, K]`` float32, ``labels`` ``[N]`` int64 and ``samples`` ``[N]``
uint64: the first 8 bytes of the SHA-256 of each sample's id, by which rows are paired across trials. Class names
are in its metadata.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.files import write_bytes
from zoo.errors import StoreError
from zoo.metric import Predictions

FILE_NAME = "predictions.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SavedPredictions:
    """Predictions and which sample each row is of."""

    predictions: Predictions
    samples: NDArray[np.uint64]
    """``[N]``, the same for the same test image in every trial."""


def save_predictions(folder: Path, saved: SavedPredictions) -> Path:
    """Write a trial's predictions durably and return the file."""
    from safetensors.numpy import save

    predictions = saved.predictions
    path = folder / FILE_NAME
    arrays: dict[str, NDArray[Any]] = {
        "logits": np.ascontiguousarray(predictions.logits, dtype=np.float32),
        "labels": np.ascontiguousarray(predictions.labels, dtype=np.int64),
        "samples": np.ascontiguousarray(saved.samples, dtype=np.uint64),
    }
    write_bytes(path, save(arrays, metadata={"classes": json.dumps(predictions.classes)}))
    return path


def load_predictions(folder: Path) -> SavedPredictions:
    """Read a trial's predictions.

    Raises:
        StoreError: If the file is absent or not what it should be.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / FILE_NAME
    try:
        with safe_open(path, framework="numpy") as file:
            classes = tuple(json.loads((file.metadata() or {})["classes"]))
            predictions = Predictions(
                logits=file.get_tensor("logits"), labels=file.get_tensor("labels"), classes=classes
            )
            return SavedPredictions(predictions=predictions, samples=file.get_tensor("samples"))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise StoreError(f"the predictions in {folder} cannot be read: {error}") from error
