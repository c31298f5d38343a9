"""Correctness: from logits to shares, paired by image id."""

from __future__ import annotations

import numpy as np

from reports.trials.correctness import read_correctness, share_correct
from zoo.metric import Predictions


def test_a_label_that_ties_for_the_highest_logit_counts_in_part():
    logits = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1], [0, 0, 1]], dtype=np.float32)
    predictions = Predictions(logits=logits, labels=np.zeros(4, dtype=np.int64), classes=("a", "b", "c"))
    assert share_correct(predictions).tolist() == [1, 1 / 2, 1 / 3, 0]


def test_images_are_ordered_by_id_regardless_of_the_order_in_the_file(make_trial):
    # The factory shuffles each file. Without noise, both trials are right on the same images.
    first, second = (read_correctness(*make_trial(name, image_noise=0.0)) for name in "ab")
    assert first.images == second.images
    assert np.array_equal(first.correct_N, second.correct_N)
    assert first.correct_N.mean() == 0.9


def test_other_images_have_another_digest(make_trial):
    first, second = (read_correctness(*make_trial(fingerprint=digit * 64)) for digit in "12")
    assert first.images != second.images


def test_missing_predictions_are_a_sentence(make_trial):
    assert read_correctness(*make_trial(predictions=False)) == "predictions.safetensors is missing"
