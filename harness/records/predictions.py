"""Saved predictions: logits, labels and sample ids of a trial. Does not need torch.

``predictions.safetensors`` contains ``logits`` ``[N, K]`` float32, ``labels`` ``[N]`` int64 and ``samples`` ``[N]``
uint64. The latter are the first 8 bytes of the SHA-256 of each sample's id, by which rows are paired across trials.
Class names are in the metadata, as is the class hierarchy if the dataset has one. If a metric asks for them, ``ids``
has the ids themselves, as the bytes of a JSON list, ``groups`` ``[N]`` uint64 hashes of the groups' names, and
``features`` ``[N, D]`` float32 the features, which a listener may ask for, too. Where folds are combined, ``folds``
``[N]`` int64 is the number of the fold that each image was tested in. ``val_predictions.safetensors``
contains the same for the validation images, by the same weights, and ``test_predictions-NAME.safetensors`` for each
further test set. Probabilities that come from elsewhere, or are means of several networks, are stored as their
logarithms in float64. Where only the predicted class of each image is known,
``predicted`` ``[N]`` int64 is there instead of ``logits``; its logit counts as 1, and all others as 0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.system.atomic_files import write_bytes
from zoo.errors import StoreError
from zoo.files.plain_files import PREDICTIONS, read_bytes
from zoo.hierarchy import ClassHierarchy
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
    folds: NDArray[np.int64] | None = None
    """Cross-validation fold that each image was tested in, ``[N]``, from 1; None if there are none."""


def save_predictions(folder: Path, saved: SavedPredictions, *, name: str = FILE_NAME, is_double: bool = False) -> Path:
    """Write a trial's predictions durably and return the file.

    Args:
        folder: Folder of the trial.
        saved: The predictions.
        name: Name of the file.
        is_double: Whether logits are stored in float64 instead of float32.
    """
    from safetensors.numpy import save

    predictions = saved.predictions
    path = folder / name
    logits_NK = predictions.logits
    arrays: dict[str, NDArray[Any]] = {
        **(
            {"logits": np.ascontiguousarray(logits_NK, dtype=np.float64 if is_double else np.float32)}
            if predictions.has_scores
            else {"predicted": logits_NK.argmax(axis=1).astype(np.int64)}
        ),
        "labels": np.ascontiguousarray(predictions.labels, dtype=np.int64),
        "samples": np.ascontiguousarray(saved.samples, dtype=np.uint64),
    }
    metadata = {"classes": json.dumps(predictions.classes)}
    if predictions.ids is not None:
        arrays["ids"] = np.frombuffer(json.dumps(predictions.ids, separators=(",", ":")).encode(), dtype=np.uint8)
    if saved.folds is not None:
        arrays["folds"] = np.ascontiguousarray(saved.folds, dtype=np.int64)
    if predictions.groups is not None:
        arrays["groups"] = np.ascontiguousarray(predictions.groups, dtype=np.uint64)
    if predictions.features is not None:
        arrays["features"] = np.ascontiguousarray(predictions.features, dtype=np.float32)
    if predictions.hierarchy is not None:
        metadata["hierarchy"] = json.dumps(predictions.hierarchy.ancestors)
    write_bytes(path, save(arrays, metadata=metadata))
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
        metadata = header["__metadata__"]
        classes = tuple(json.loads(metadata["classes"]))
        samples_N = arrays["samples"]
        has_scores = "predicted" not in arrays
        predictions = Predictions(
            logits=arrays["logits"] if has_scores else one_hot(arrays["predicted"], len(classes)),
            labels=arrays["labels"],
            classes=classes,
            samples=_matching(samples_N, arrays),
            has_scores=has_scores,
            ids=_ids(arrays["ids"]) if "ids" in arrays else None,
            groups=arrays.get("groups"),
            features=arrays.get("features"),
            hierarchy=_hierarchy(classes, metadata["hierarchy"]) if "hierarchy" in metadata else None,
        )
        folds_N = arrays.get("folds")
        if folds_N is not None and (folds_N.shape != samples_N.shape or folds_N.dtype.kind not in "iu"):
            raise ValueError("its folds must be a whole number for each image")
        return SavedPredictions(predictions=predictions, samples=samples_N, folds=folds_N)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise StoreError(f"the predictions in {folder} cannot be read: {error}") from error


def _ids(content: NDArray[np.uint8]) -> tuple[str, ...]:
    found = json.loads(content.tobytes())
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError("its ids must be a list of names")
    return tuple(found)


def _hierarchy(classes: tuple[str, ...], content: str) -> ClassHierarchy:
    return ClassHierarchy(classes=classes, ancestors=tuple(map(tuple, json.loads(content))))


def one_hot(predicted_N: NDArray[np.int64], num_classes: int) -> NDArray[np.float32]:
    """Return logits ``[N, K]`` that are 1 for the predicted class and 0 for all others.

    Raises:
        ValueError: If a class is outside ``[0, K)``, or *predicted_N* is not a list of numbers.
    """
    if predicted_N.ndim != 1 or predicted_N.dtype.kind not in "iu":
        raise ValueError("predicted classes must be a list of whole numbers")
    if len(predicted_N) and not 0 <= predicted_N.min() <= predicted_N.max() < num_classes:
        raise ValueError(f"predicted classes must be in [0, {num_classes})")
    if len(predicted_N) * num_classes > PREDICTIONS.max_bytes // 4:
        raise ValueError(f"{len(predicted_N):,} predictions of {num_classes:,} classes are too many")
    logits_NK = np.zeros((len(predicted_N), num_classes), dtype=np.float32)
    logits_NK[np.arange(len(predicted_N)), predicted_N] = 1
    return logits_NK


def _matching(samples_N: NDArray[np.uint64], arrays: dict[str, NDArray[Any]]) -> NDArray[np.uint64] | None:
    """Return the samples if there is one for each label; whoever needs them says what is wrong otherwise."""
    return samples_N if samples_N.shape == arrays["labels"].shape else None


def with_validation(predictions: Predictions, folder: Path, files: Mapping[str, str]) -> Predictions:
    """Return predictions with those of the same weights for the validation images, if a trial has saved them.

    Args:
        predictions: What metrics are computed from.
        folder: Folder of the trial.
        files: Checksums in its record; without one of validation predictions, there are none.

    Raises:
        StoreError: If they are missing, or do not match the checksum.
    """
    if VAL_FILE_NAME not in files:
        return predictions
    validation = load_predictions(folder, sha256=files[VAL_FILE_NAME], name=VAL_FILE_NAME).predictions
    return replace(predictions, validation=validation)
