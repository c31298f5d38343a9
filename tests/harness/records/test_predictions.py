"""Saved predictions: read as they were written, and refused with a sentence where they are not what they should be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from harness.records.predictions import FILE_NAME, SavedPredictions, load_predictions, save_predictions
from harness.system.atomic_files import sha256_of
from zoo.errors import StoreError
from zoo.hierarchy import ClassHierarchy
from zoo.metric import Predictions

LOGITS = np.array([[0.1, -1e-30], [np.float32(1 / 3), 3e38], [-2.0, 0.0]], dtype=np.float32)
LABELS = np.array([0, 1, 1])
SAMPLES = np.array([2**64 - 1, 0, 7], dtype=np.uint64)
CLASSES = ('a "b"', "größer")


def saved(logits: Any = LOGITS) -> SavedPredictions:
    return SavedPredictions(
        predictions=Predictions(logits=logits, labels=LABELS, classes=CLASSES),
        samples=SAMPLES,
    )


def write(folder: Path, classes: Any = CLASSES, **arrays: Any) -> None:
    """Write a file with other arrays; None leaves one out."""
    wanted = {"logits": LOGITS, "labels": LABELS, "samples": SAMPLES, **arrays}
    metadata = None if classes is None else {"classes": classes if isinstance(classes, str) else '["a", "b"]'}
    content = save({name: array for name, array in wanted.items() if array is not None}, metadata=metadata)
    (folder / FILE_NAME).write_bytes(content)


def test_predictions_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = save_predictions(tmp_path, saved())
    assert path == tmp_path / FILE_NAME
    loaded = load_predictions(tmp_path, sha256=sha256_of(path))
    assert loaded.predictions.logits.dtype == np.float32
    assert loaded.predictions.logits.tobytes() == LOGITS.tobytes()
    assert (loaded.predictions.labels.tolist(), loaded.predictions.labels.dtype) == ([0, 1, 1], np.int64)
    assert (loaded.samples.tolist(), loaded.samples.dtype) == ([2**64 - 1, 0, 7], np.uint64)
    assert loaded.predictions.classes == CLASSES
    assert loaded.predictions.samples is not None
    assert loaded.predictions.samples.tolist() == SAMPLES.tolist()


def test_double_precision_and_arrays_out_of_order_are_stored_as_single_precision_in_order(tmp_path: Path) -> None:
    save_predictions(tmp_path, saved(np.asfortranarray(LOGITS.astype(np.float64))))
    assert load_predictions(tmp_path).predictions.logits.tobytes() == LOGITS.tobytes()


def test_the_same_predictions_make_the_same_file(tmp_path: Path) -> None:
    names = ("one.safetensors", "two.safetensors")
    one, two = (save_predictions(tmp_path, saved(), name=name) for name in names)
    assert one.read_bytes() == two.read_bytes()
    assert load_predictions(tmp_path, name=names[1]).samples.tolist() == SAMPLES.tolist()
    assert not (tmp_path / FILE_NAME).exists()


def test_a_file_of_another_sum_is_refused(tmp_path: Path) -> None:
    digest = sha256_of(save_predictions(tmp_path, saved()))
    save_predictions(tmp_path, saved(-LOGITS))
    assert load_predictions(tmp_path).predictions.logits[0, 0] == -LOGITS[0, 0]
    with pytest.raises(StoreError, match="does not match the checksum in its record"):
        load_predictions(tmp_path, sha256=digest)


def test_a_file_that_was_cut_off_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    path = save_predictions(tmp_path, saved())
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(StoreError, match="cannot be read"):
            load_predictions(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"logits": None},
        {"samples": None},
        {"classes": None},
        {"classes": "no json"},
        {"classes": "3"},
        {"classes": '["a", "b", "c"]'},
        {"labels": np.array([0, 1, 2])},
        {"labels": np.array([0, 1])},
        {"logits": np.full((3, 2), np.nan, dtype=np.float32)},
    ],
    ids=str,
)
def test_arrays_that_are_missing_or_do_not_go_together_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    write(tmp_path)
    assert load_predictions(tmp_path).predictions.classes == ("a", "b")
    write(tmp_path, **changes)
    with pytest.raises(StoreError, match="cannot be read"):
        load_predictions(tmp_path)


def test_a_missing_file_is_an_error_of_the_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        load_predictions(tmp_path)


def test_predictions_of_classes_are_stored_as_classes_and_read_as_logits_of_1(tmp_path: Path) -> None:
    logits = np.array([[0, 1], [1, 0], [0, 1]], dtype=np.float32)
    predictions = Predictions(logits=logits, labels=LABELS, classes=CLASSES, has_scores=False)
    path = save_predictions(tmp_path, SavedPredictions(predictions=predictions, samples=SAMPLES))
    loaded = load_predictions(tmp_path, sha256=sha256_of(path)).predictions
    assert not loaded.has_scores
    assert loaded.logits.tolist() == logits.tolist()
    assert b"logits" not in path.read_bytes()


@pytest.mark.parametrize("predicted", [[0, 1, 2], [-1, 0, 0], [[0], [1], [1]], [0.5, 0.0, 1.0], [0, 1]])
def test_predicted_classes_that_are_none_are_refused(tmp_path: Path, predicted: Any) -> None:
    write(tmp_path, logits=None, predicted=np.array(predicted))
    with pytest.raises(StoreError, match="cannot be read"):
        load_predictions(tmp_path)


def test_logarithms_of_probabilities_may_keep_double_precision(tmp_path: Path) -> None:
    logits = np.log(np.array([[1 / 3, 2 / 3]] * 3))
    save_predictions(tmp_path, saved(logits), is_double=True)
    loaded = load_predictions(tmp_path).predictions.logits
    assert loaded.dtype == np.float64
    assert loaded.tobytes() == logits.tobytes()


FACTS = {
    "ids": ("ants/größer.jpg", 'a "b"\n.png', "\udcff.png"),
    "groups": np.array([2**64 - 1, 3, 3], dtype=np.uint64),
    "hierarchy": ClassHierarchy(classes=CLASSES, ancestors=(("animal", "insect"), ())),
    "features": np.array([[0.5, -1.0], [2.0, 0.0], [0.25, 3.0]], dtype=np.float32),
}


def test_ids_groups_and_the_hierarchy_are_saved_with_the_predictions(tmp_path: Path) -> None:
    plain = saved()
    save_predictions(tmp_path, replace(plain, predictions=replace(plain.predictions, **FACTS)))
    loaded = load_predictions(tmp_path).predictions
    assert loaded.ids == FACTS["ids"]
    assert loaded.groups is not None
    assert loaded.groups.tolist() == [2**64 - 1, 3, 3]
    assert loaded.hierarchy == FACTS["hierarchy"]
    assert loaded.features is not None
    assert loaded.features.tolist() == FACTS["features"].tolist()


def test_predictions_without_them_are_the_file_that_they_were(tmp_path: Path) -> None:
    save_predictions(tmp_path, saved())
    loaded = load_predictions(tmp_path).predictions
    assert (loaded.ids, loaded.groups, loaded.hierarchy, loaded.features) == (None, None, None, None)


@pytest.mark.parametrize(
    "arrays",
    [
        {"ids": np.frombuffer(b'["a", "b"]', dtype=np.uint8)},
        {"ids": np.frombuffer(b"[1, 2, 3]", dtype=np.uint8)},
        {"ids": np.frombuffer(b"not json", dtype=np.uint8)},
        {"ids": np.frombuffer(b'{"a": 1}', dtype=np.uint8)},
        {"groups": np.array([1, 2], dtype=np.uint64)},
        {"features": np.zeros((2, 4), dtype=np.float32)},
    ],
)
def test_ids_and_groups_that_do_not_fit_are_refused(tmp_path: Path, arrays: dict[str, Any]) -> None:
    write(tmp_path, **arrays)
    with pytest.raises(StoreError, match="cannot be read"):
        load_predictions(tmp_path)
