"""Label errors: labels that were made wrong are found, and what is needed is said."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from harness.data.audits.label_errors import likely_errors
from zoo.errors import DataError, UsageError


def sure(labels: np.ndarray, num_classes: int, seed: int = 0) -> np.ndarray:
    """Probabilities of networks that are mostly right and rather sure."""
    logits = 4 * np.eye(num_classes)[labels] + 0.7 * np.random.default_rng(seed).normal(size=(len(labels), num_classes))
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_labels_that_were_made_wrong_are_found_with_the_least_likely_first() -> None:
    pytest.importorskip("cleanlab", reason="the extra labels has it")
    truth = np.arange(600) % 4
    probabilities = sure(truth, 4)
    wrong = np.arange(0, 600, 31)
    labels = truth.copy()
    labels[wrong] = (labels[wrong] + 1) % 4
    found = likely_errors(labels, probabilities)
    assert len(set(wrong.tolist()) - set(found.tolist())) <= 1  # cleanlab estimates how many there are
    assert set(found[:15].tolist()) <= set(wrong.tolist())
    assert len(found) < 1.3 * len(wrong)
    own = probabilities[found, labels[found]]
    assert (np.diff(own) >= 0).all()


def test_classes_without_images_do_not_matter() -> None:
    pytest.importorskip("cleanlab", reason="the extra labels has it")
    truth = np.where(np.arange(300) % 2, 4, 1)
    labels = truth.copy()
    labels[7] = 1 if truth[7] == 4 else 4
    assert likely_errors(labels, sure(truth, 6))[0] == 7


def test_one_class_alone_cannot_be_judged() -> None:
    pytest.importorskip("cleanlab", reason="the extra labels has it")
    with pytest.raises(DataError, match="at least two classes"):
        likely_errors(np.zeros(10, dtype=np.int64), np.full((10, 3), 1 / 3))


def test_without_cleanlab_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    with pytest.raises(UsageError) as caught:
        likely_errors(np.array([0, 1]), np.eye(2))
    assert str(caught.value) == "finding wrong labels needs cleanlab: pip install 'zoobench[labels]'"
