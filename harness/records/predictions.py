"""Saved predictions: logits, labels and sample ids of a trial. Does not need torch.

``predictions.safetensors`` contains ``logits`` ``[N, K]`` float32, ``labels`` ``[N]`` int64 and ``samples`` ``[N]``
uint64. The latter are the first 8 bytes of the SHA-256 of each sample's id, by which rows are paired across trials.
Class names are in the metadata. ``val_predictions.safetensors`` contains the same for the validation images, by the
same weights, and ``test_predictions-NAME.safetensors`` for each further test set.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.system.atomic_files import write_bytes
from zoo.errors import StoreError
from zoo.files.plain_files import PREDICTIONS, read_bytes
from zoo.metric import Predictions

FILE_NAME = "predictions.safetensors"
VAL_FILE_NAME = "val_predictions.safetensors"
"""Predictions for the validation images; records of earlier versions have none."""


def further_file(name: str) -> str:
    """Return the name of the file with the predictions for a further test set."""
    return f"test_predictions-{name}.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SavedPredictions:
    """Predictions with the sample of each row."""

    predictions: Predictions
    samples: NDArray[np.uint64]
    """Hashed sample ids, ``[N]``; the same test image has the same id in every trial."""


def save_predictions(folder: Path, saved: SavedPredictions, *, name: str = FILE_NAME) -> Path:
    """Write a trial's predictions durably and return the file."""
    from safetensors.numpy import save

    predictions = saved.predictions
    path = folder / name
    arrays: dict[str, NDArray[Any]] = {
        "logits": np.ascontiguousarray(predictions.logits, dtype=np.float32),
        "labels": np.ascontiguousarray(predictions.labels, dtype=np.int64),
        "samples": np.ascontiguousarray(saved.samples, dtype=np.uint64),
    }
    write_bytes(path, save(arrays, metadata={"classes": json.dumps(predictions.classes)}))
    return path


def load_predictions(folder: Path, *, sha256: str | None = None, name: str = FILE_NAME) -> SavedPredictions:
    """Read a trial's predictions.

    Args:
        folder: Folder of the trial.
        sha256: Expected SHA-256 of the file; None: do not check it.
        name: Name of the file; by default that of the trial's own predictions.

    Raises:
        StoreError: If the file is missing, is not a predictions file, or has another checksum.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = folder / name
    try:
        content = read_bytes(path, PREDICTIONS)
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
            raise StoreError(f"its {name} does not match the checksum in its record")
        arrays = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        classes = tuple(json.loads(header["__metadata__"]["classes"]))
        samples_N = arrays["samples"]
        predictions = Predictions(
            logits=arrays["logits"], labels=arrays["labels"], classes=classes, samples=_matching(samples_N, arrays)
        )
        return SavedPredictions(predictions=predictions, samples=samples_N)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise StoreError(f"the predictions in {folder} cannot be read: {error}") from error


def _matching(samples_N: NDArray[np.uint64], arrays: dict[str, NDArray[Any]]) -> NDArray[np.uint64] | None:
    """Return the samples if there is one for each label; whoever needs them says what is wrong otherwise."""
    return samples_N if samples_N.shape == arrays["labels"].shape else None
