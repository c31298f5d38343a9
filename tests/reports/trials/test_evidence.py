"""Evidence: the predictions of several seeds, ordered by image and averaged."""

from __future__ import annotations

import numpy as np
import pytest

from reports.trials.evidence import class_names, read_evidence


def test_seeds_are_ordered_by_image_and_averaged(make_trials):
    evidence = read_evidence(make_trials(seeds=3, accuracy=0.8))
    assert (np.diff(evidence.samples_N.astype(np.int64)) > 0).all()
    assert evidence.correct_SN.shape == (3, 400)
    assert evidence.mean == pytest.approx(0.8)
    assert evidence.probabilities_NK.sum(axis=1) == pytest.approx(1)
    assert np.trace(evidence.confusion_KK) == pytest.approx(320)
    assert len(evidence.confidence_M) == len(evidence.right_M) == 1200


def test_changed_predictions_are_a_sentence(make_trial):
    folder, record = make_trial()
    record = record.model_copy(update={"files": {"predictions.safetensors": "0" * 64}})
    assert read_evidence([(folder, record)]) == (
        "predictions.safetensors of seed 0 does not match the checksum in its record"
    )


def test_seeds_of_different_images_are_not_averaged(make_trial):
    trials = [make_trial(seed=seed, fingerprint=digit * 64) for seed, digit in enumerate("12")]
    assert read_evidence(trials) == "the seeds were tested on different images"


def test_no_seed_and_no_predictions_are_sentences(make_trial):
    assert read_evidence([]) == "no seed has finished"
    assert read_evidence([make_trial(predictions=False)]) == "predictions.safetensors of seed 0 is missing"


def test_class_names_are_safe_and_never_empty():
    assert class_names(["cat", "", "a\x1b[31m\nb"]) == ["cat", "(no name)", "a[31m b"]
