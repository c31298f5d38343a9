"""Rejecting: the threshold, where it comes from, and what is left unanswered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.classifiers.predicting import ImagePrediction
from harness.classifiers.rejecting import Rejection, rejection_of, threshold_for
from harness.records.predictions import VAL_FILE_NAME, load_predictions
from harness.records.store import read_record, write_record
from plugins.metrics.selective import coverage_and_threshold
from zoo import Catalog
from zoo.errors import StoreError, UsageError
from zoo.metric import Predictions


def predictions(logits: object, labels: object) -> Predictions:
    return Predictions(logits=np.array(logits, dtype=np.float32), labels=np.array(labels), classes=("a", "b"))


def test_images_below_the_threshold_have_a_reason_instead_of_classes() -> None:
    rejection = Rejection(threshold=0.8)
    given = [
        ImagePrediction(name="sure", logits_K=np.array([0, 3], dtype=np.float32)),
        ImagePrediction(name="unsure", logits_K=np.array([0, 1], dtype=np.float32)),
        ImagePrediction(name="broken", logits_K=None, problem="not an image"),
    ]
    sure, unsure, broken = rejection.apply(given)
    assert (sure, broken) == (given[0], given[2])
    assert unsure.logits_K is None
    assert unsure.problem == "rejected: its probability of 0.7311 is below 0.8000"
    assert rejection.summary == "1 of 2 images (50.0 %) answered, with a probability of at least 0.8000"


def test_the_threshold_for_an_accuracy_answers_as_many_as_possible() -> None:
    validation = predictions([[5, 0], [4, 0], [3, 0], [2, 0], [1, 0]], [0, 1, 0, 0, 1])
    confidence = validation.probabilities.max(axis=1)
    assert threshold_for(validation, 0.75) == pytest.approx((confidence[3], 4 / 5, 3 / 4))
    assert threshold_for(validation, 0.9) == pytest.approx((confidence[0], 1 / 5, 1))
    assert threshold_for(predictions([[1, 0], [1, 0]], [0, 1]), 0.9) is None


def test_it_is_the_threshold_of_the_metric() -> None:
    rng = np.random.default_rng(0)
    validation = predictions(rng.normal(size=(300, 2)) + np.eye(2)[np.arange(300) % 2], np.arange(300) % 2)
    for accuracy in (0.8, 0.9, 0.95):
        found = threshold_for(validation, accuracy)
        assert found is not None
        coverage, threshold = coverage_and_threshold(validation, accuracy)
        assert found[:2] == pytest.approx((threshold, coverage), abs=1e-8)


@pytest.mark.parametrize("text", ["high", "1.2", "-0.1", "120%", "%", "nan"])
def test_anything_else_is_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="expected a probability from 0 to 1"):
        rejection_of(text, None)


def test_an_accuracy_is_reached_on_validation_images(train_trial: Callable[..., Path], catalog: Catalog) -> None:
    folder = train_trial(catalog, epochs=3)
    validation = load_predictions(folder, name=VAL_FILE_NAME).predictions
    wanted = (validation.logits.argmax(1) == validation.labels).mean()
    rejection = rejection_of(f"{100 * wanted:.6f}%", folder)
    assert rejection.origin.startswith(
        f"threshold {rejection.threshold:.4f} chosen on {len(validation.labels)} validation"
    )
    answered = validation.probabilities.max(axis=1) >= rejection.threshold
    assert (validation.logits.argmax(1) == validation.labels)[answered].mean() >= wanted - 1e-6
    assert rejection_of("0.25", None).threshold == 0.25
    with pytest.raises(StoreError, match="needs the validation predictions in the folder of the trial"):
        rejection_of("95%", None)
    record = read_record(folder / "record.json")
    files = {name: digest for name, digest in record.files.items() if name != VAL_FILE_NAME}
    write_record(folder, record.model_copy(update={"files": files}))
    with pytest.raises(StoreError, match="has no validation predictions, as an earlier version"):
        rejection_of("95%", folder)
