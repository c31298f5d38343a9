"""Metrics, and the predictions that they are computed from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from zoo import (
    ClassHierarchy,
    Metric,
    Predictions,
)


def test_a_metric_refuses_a_kind_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="kind must be scalar, per_class or matrix, not 'vector'"):
        Metric(name="x", compute=len, kind="vector")  # type: ignore[arg-type]


def _predictions(logits: Any, labels: Any = (0, 1), classes: tuple[str, ...] = ("a", "b", "c")) -> Predictions:
    return Predictions(logits=np.array(logits, dtype=np.float32), labels=np.array(labels), classes=classes)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ([[1, 2, 3]], (0, 1), r"logits must be \[2, 3\], got \[1, 3\]"),
        ([[1, 2], [1, 2]], (0, 1), r"got \[2, 2\]"),
        ([[1, 2, np.nan], [1, 2, 3]], (0, 1), "finite"),
        ([[1, 2, -np.inf], [1, 2, 3]], (0, 1), "finite"),
        ([[1, 2, 3], [1, 2, 3]], (0, 3), "labels must be in"),
        ([[1, 2, 3], [1, 2, 3]], (-1, 0), "labels must be in"),
        (np.zeros((0, 3)), (), "no predictions"),
    ],
)
def test_predictions_refuse_what_cannot_be_scored(logits: Any, labels: Any, message: str) -> None:
    """NaN logits would score class 0 by argmax (timm)."""
    with pytest.raises(ValueError, match=message):
        _predictions(logits, labels)


def test_probabilities_are_a_softmax_that_does_not_overflow() -> None:
    probabilities = _predictions([[1000, 1000, -1000], [0, np.log(2), np.log(5)]]).probabilities
    np.testing.assert_allclose(probabilities, [[0.5, 0.5, 0], [1 / 8, 2 / 8, 5 / 8]], rtol=1e-6)


def test_a_tie_is_shared_by_its_classes_whatever_their_order() -> None:
    """A constant scorer got a perfect score by tie order (mteb#5092)."""
    constant = _predictions(np.zeros((4, 3)), labels=(0, 0, 0, 1)).confusion
    np.testing.assert_allclose(constant, [[1, 1, 1], [1 / 3, 1 / 3, 1 / 3], [0, 0, 0]])
    np.testing.assert_allclose(_predictions([[5, 5, 0], [0, 9, 0]]).confusion, [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 0]])


def test_samples_are_numbers_of_the_images_and_read_only() -> None:
    logits, labels = np.eye(3), np.arange(3)
    predictions = Predictions(
        logits=logits, labels=labels, classes=("a", "b", "c"), samples=np.array([7, 8, 9], dtype=np.uint64)
    )
    assert predictions.samples is not None
    assert predictions.samples.tolist() == [7, 8, 9]
    with pytest.raises(ValueError, match="read-only"):
        predictions.samples[0] = 1
    with pytest.raises(ValueError, match=r"samples must be \[3\], got \[2\]"):
        Predictions(logits=logits, labels=labels, classes=("a", "b", "c"), samples=np.array([7, 8], dtype=np.uint64))


TREE = ClassHierarchy(classes=("a", "b", "c"), ancestors=(("x",), ("x",), ("y",)))


def _with_facts() -> Predictions:
    own = Predictions(
        logits=np.eye(3, dtype=np.float32),
        labels=np.arange(3),
        classes=("a", "b", "c"),
        samples=np.array([7, 8, 9], dtype=np.uint64),
        ids=("a/1.png", "b/1.png", "c/1.png"),
        groups=np.array([1, 1, 2], dtype=np.uint64),
        hierarchy=TREE,
        features=np.arange(6, dtype=np.float32).reshape(3, 2),
    )
    return replace(own, validation=own)


def test_a_metric_gets_what_it_asks_for_and_nothing_else() -> None:
    predictions = _with_facts()
    for needs in ((), ("ids",), ("groups", "hierarchy"), ("features",)):
        limited = predictions.limited_to(needs)
        for part in (limited, limited.validation):
            assert part is not None
            there = {name for name in ("ids", "groups", "hierarchy", "features") if getattr(part, name) is not None}
            assert there == set(needs)
            assert part.samples is not None


def test_a_metric_tells_what_predictions_lack_in_words() -> None:
    metric = Metric(name="m", compute=len, needs=("groups", "hierarchy"))
    assert metric.lacks(_with_facts()) == ()
    assert metric.lacks(_predictions(np.eye(3), (0, 1, 2))) == ("groups of the images", "a class hierarchy")


def test_a_metric_cannot_ask_for_what_there_is_not() -> None:
    with pytest.raises(ValueError, match=r"needs is a tuple of ids, groups, hierarchy.*, got 'pixels'"):
        Metric(name="m", compute=len, needs=("pixels",))


@pytest.mark.parametrize("chosen", [np.array([False, True, True]), np.array([1, 2])], ids=["mask", "places"])
def test_selected_predictions_keep_all_facts(chosen: Any) -> None:
    some = _with_facts().select(chosen)
    assert some.ids == ("b/1.png", "c/1.png")
    assert some.samples is not None
    assert some.samples.tolist() == [8, 9]
    assert some.groups is not None
    assert some.groups.tolist() == [1, 2]
    assert some.features is not None
    assert some.features.tolist() == [[2, 3], [4, 5]]
    assert (some.labels.tolist(), some.logits.argmax(axis=1).tolist()) == ([1, 2], [1, 2])
    assert (some.hierarchy, some.validation is not None) == (TREE, True)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ids": ("a",)}, "1 ids for 2 images"),
        ({"groups": np.array([1], dtype=np.uint64)}, r"groups must be \[2\], got \[1\]"),
        ({"features": np.zeros((3, 2))}, r"features must be \[2, D\], got \[3, 2\]"),
        ({"features": np.full((2, 2), np.nan)}, "features must be finite"),
        ({"hierarchy": ClassHierarchy(classes=("a", "b"), ancestors=(("x",), ("x",)))}, "of the same classes"),
    ],
)
def test_facts_that_do_not_fit_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(_predictions(np.eye(3)[:2]), **fields)


def test_groups_are_read_only() -> None:
    groups = _with_facts().groups
    assert groups is not None
    with pytest.raises(ValueError, match="read-only"):
        groups[0] = 5
