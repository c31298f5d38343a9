"""Out-of-sample predictions: which count, and their mean over networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.records.derived.out_of_sample import out_of_sample
from harness.records.predictions import FILE_NAME, VAL_FILE_NAME, SavedPredictions, save_predictions
from harness.records.record import Outcome, Record
from harness.system.atomic_files import sha256_of
from zoo.metric import Predictions

CLASSES = ("a", "b")


@pytest.fixture
def write(tmp_path: Path, small_record: Record):
    """Write a trial with predictions for some samples: the probability of class a for each."""

    def trial(
        name: str,
        *,
        test: dict[int, float],
        val: dict[int, float] | None = None,
        has_scores: bool = True,
        **fields: object,
    ):
        folder = tmp_path / name
        folder.mkdir()
        files = {}
        for file, shares in ((FILE_NAME, test), (VAL_FILE_NAME, val)):
            if not shares:
                continue
            share = np.array(list(shares.values()))
            logits = np.log(np.stack([share, 1 - share], axis=1))
            samples = np.array(list(shares), dtype=np.uint64)
            labels = np.zeros(len(share), dtype=np.int64)
            predictions = Predictions(logits=logits, labels=labels, classes=CLASSES, has_scores=has_scores)
            path = save_predictions(folder, SavedPredictions(predictions=predictions, samples=samples), name=file)
            files[file] = sha256_of(path)
        changes = {"outcome": Outcome.DONE, "files": files, **fields}
        return folder, small_record.model_copy(update=changes)

    return trial


def test_probabilities_are_averaged_over_the_networks_that_did_not_see_an_image(write) -> None:
    trials = [write("a", test={5: 0.9, 3: 0.2}, val={7: 0.5}), write("b", test={3: 0.6})]
    found = out_of_sample(trials, CLASSES)
    assert found.samples_N.tolist() == [3, 5, 7]
    assert found.counts_N.tolist() == [2, 1, 1]
    assert found.probabilities_NK[:, 0] == pytest.approx([0.4, 0.9, 0.5], abs=1e-6)
    assert found.problems == ()


def test_unfinished_trials_pooled_folds_and_other_classes_do_not_count(write) -> None:
    trials = [
        write("failed", test={1: 0.5}, outcome=Outcome.FAILED),
        write("pooled", test={2: 0.5}, folds={"fold": "x"}),
    ]
    found = out_of_sample(trials, CLASSES)
    assert (len(found.samples_N), found.probabilities_NK.shape) == (0, (0, 2))
    assert len(out_of_sample([write("ok", test={1: 0.5})], ("a", "c")).samples_N) == 0


def test_predictions_without_scores_do_not_count(write) -> None:
    trials = [write("scores", test={1: 0.5}), write("classes", test={1: 0.9, 2: 0.9}, has_scores=False)]
    found = out_of_sample(trials, CLASSES)
    assert found.samples_N.tolist() == [1]
    assert found.probabilities_NK[0].tolist() == pytest.approx([0.5, 0.5])


def test_damaged_predictions_are_a_sentence_and_the_others_count(write) -> None:
    good, bad = write("good", test={1: 0.5}), write("bad", test={2: 0.5})
    (bad[0] / FILE_NAME).write_bytes(b"")
    found = out_of_sample([good, bad], CLASSES)
    assert found.samples_N.tolist() == [1]
    assert len(found.problems) == 1
