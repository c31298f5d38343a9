"""Checks of metrics, each held to one that was made to break it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from zoo import Metric, Predictions
from zoo.metric import KnownCase
from zoo.testing import CHECKS, Subject, judge

_calls = itertools.count()


@pytest.fixture
def judged_known_case() -> Callable[[Metric], str]:
    """Return why the known cases of a metric fail; empty if they do not."""
    (check,) = (each for each in CHECKS if each.id == "known_cases")
    return lambda of: judge(check, Subject(record=of)).reason


def metric(compute: Callable[[Predictions], Any], **fields: Any) -> Metric:
    return Metric(name="score", compute=compute, **fields)


def by_argmax(predictions: Predictions) -> float:
    """Accuracy, with ties broken by the order of classes."""
    return float((predictions.logits.argmax(axis=1) == predictions.labels).mean())


def accuracy(predictions: Predictions) -> float:
    return float(predictions.confusion.trace() / predictions.confusion.sum())


def of_the_first_images(predictions: Predictions) -> float:
    right = predictions.confusion.trace() * 0 + (predictions.logits.argmax(axis=1) == predictions.labels)
    return float(right[: len(right) // 2 + 1].mean())


def sorts_in_place(predictions: Predictions) -> float:
    value = accuracy(predictions)
    predictions.logits.sort(axis=1)
    return value


def average_precision_by_order(predictions: Predictions) -> float:
    """Equal scores are taken in the order of the images."""
    order = np.argsort(-(predictions.logits[:, 1] - predictions.logits[:, 0]), kind="stable")
    hits = predictions.labels[order] == 1
    if not hits.any():
        return math.nan
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def draws(predictions: Predictions) -> float:
    np.random.rand()
    return accuracy(predictions)


KINGDOMS = {"ant": "insect", "bee": "insect", "cat": "mammal", "oak": "plant"}
CLASSES = tuple(KINGDOMS)


def same_kingdom(predictions: Predictions) -> float:
    """Share of images whose predicted class is at least of the right kingdom; undefined for unknown classes."""
    if not set(predictions.classes) <= KINGDOMS.keys():
        return math.nan
    kingdoms = [KINGDOMS[name] for name in predictions.classes]
    same_KK = np.array([[one == other for other in kingdoms] for one in kingdoms])
    return float((predictions.confusion * same_KK).sum() / predictions.confusion.sum())


def knows_its_own_classes_only(predictions: Predictions) -> float:
    return accuracy(predictions) if [KINGDOMS[name] for name in predictions.classes] else math.nan


# An ant taken for a bee counts, an oak taken for a cat does not.
ANT_AS_BEE = KnownCase([[0, 9, 0, 0], [0, 0, 9, 0]], [0, 3], 0.5, classes=CLASSES)


def right_group(predictions: Predictions) -> float:
    """Share of images whose predicted class is at least in the right widest group."""
    assert predictions.hierarchy is not None
    _, group_K = predictions.hierarchy.level(0)
    same_KK = group_K[:, None] == group_K[None, :]
    return float((predictions.confusion * same_KK).sum() / predictions.confusion.sum())


def worst_group(predictions: Predictions) -> float:
    """Accuracy in the group of images that has the lowest."""
    assert predictions.groups is not None
    top_NK = predictions.logits == predictions.logits.max(axis=1, keepdims=True)
    right_N = top_NK[np.arange(len(top_NK)), predictions.labels] / top_NK.sum(axis=1)
    return float(min(right_N[predictions.groups == group].mean() for group in np.unique(predictions.groups)))


def of_the_first_camera(predictions: Predictions) -> float:
    """Accuracy on images whose id starts with A; undefined without one."""
    assert predictions.ids is not None
    chosen_N = np.array([each.startswith("A") for each in predictions.ids])
    return accuracy(predictions.select(chosen_N)) if chosen_N.any() else math.nan


INSECTS = (("animal", "insect"), ("animal", "insect"), ("animal", "mammal"), ("plant",))
ANT_AS_CAT = KnownCase([[0, 0, 9, 0], [9, 0, 0, 0]], [0, 3], 0.5, classes=CLASSES, hierarchy=INSECTS)
TWO_GROUPS = KnownCase([[9, 0], [9, 0], [0, 9]], [0, 1, 1], 0.5, groups=(1, 1, 2))

BROKEN = (
    ("values_are_within_bounds", "AssertionError", metric(right_group)),
    ("values_are_within_bounds", "AssertionError", metric(worst_group, needs=("ids", "hierarchy"))),
    (
        "known_cases",
        "computed 0.5, expected 1",
        metric(worst_group, needs=("groups",), known_cases=(replace(TWO_GROUPS, value=1.0),)),
    ),
    (
        "known_cases",
        "computed 0.5, expected 0",
        metric(right_group, needs=("hierarchy",), known_cases=(replace(ANT_AS_CAT, value=0.0),)),
    ),
    (
        "values_are_within_bounds",
        "classes other than its own: KeyError: 'class 0'; return NaN",
        metric(knows_its_own_classes_only, known_cases=(KnownCase([[1, 0, 0, 0]], [0], 1.0, classes=CLASSES),)),
    ),
    (
        "known_cases",
        "computed 0.5, expected 0",
        metric(same_kingdom, known_cases=(KnownCase(ANT_AS_BEE.logits, ANT_AS_BEE.labels, 0.0, classes=CLASSES),)),
    ),
    (
        "perfect_predictor_is_best",
        "always wrong scores",
        metric(lambda p: 1 - same_kingdom(p), known_cases=(ANT_AS_BEE,)),
    ),
    ("values_are_within_bounds", r"must be in \[0, 1\]", metric(lambda predictions: 100 * accuracy(predictions))),
    ("values_are_within_bounds", r"of shape \[2\]", metric(lambda p: p.confusion.diagonal())),
    ("values_are_within_bounds", "ZeroDivisionError", metric(lambda p: 1 / len(set(p.labels) - {0}))),
    ("order_of_images_is_irrelevant", "in another order", metric(of_the_first_images)),
    ("perfect_predictor_is_best", "always wrong scores 1", metric(lambda p: 1 - accuracy(p))),
    ("perfect_predictor_is_best", "better than", metric(accuracy, higher_is_better=False)),
    ("perfect_predictor_is_best", "is undefined", metric(lambda p: math.nan)),
    ("constant_predictor_gains_nothing", "first or the last class", metric(by_argmax)),
    ("constant_predictor_gains_nothing", "in another order", metric(average_precision_by_order, binary_only=True)),
    (
        "known_cases",
        "computed 0.5, expected 0.75",
        metric(accuracy, known_cases=(KnownCase([[1, 0], [1, 0]], [0, 1], 0.75),)),
    ),
    ("influence_averages_to_the_value", "0, the metric", metric(accuracy, influence=lambda p: 0.0 * p.labels)),
    ("influence_averages_to_the_value", r"shape \[1\] instead", metric(accuracy, influence=lambda p: p.labels[:1])),
    (
        "classes_alone_give_the_value",
        "with the predicted classes alone",
        metric(lambda p: float(p.probabilities.max(axis=1).mean()), needs_scores=False),
    ),
    ("predictions_are_left_alone", "changes its input in place", metric(sorts_in_place)),
    ("predictions_are_left_alone", "computed again", metric(lambda p: 1 / (1 + next(_calls)))),
    ("metric_has_no_side_effects", "numpy's generator", metric(draws)),
)


IDS = [f"{number}-{each[0]}" for number, each in enumerate(BROKEN)]


@pytest.mark.parametrize(("check", "says", "record"), BROKEN, ids=IDS)
def test_a_check_catches_what_was_made_to_break_it(check, says, record, caught):
    caught(check, says, record)


def test_each_check_has_something_that_breaks_it():
    assert {each[0] for each in BROKEN} == {check.id for check in CHECKS if check.kind == "metrics"}


def test_a_metric_that_is_right_passes_every_check(passed):
    known = (KnownCase([[1, 0], [1, 0]], [0, 1], 0.5),)
    influence, classes = "influence_averages_to_the_value", "classes_alone_give_the_value"
    passed(metric(accuracy, known_cases=known), inapplicable=[influence, classes])
    passed(metric(accuracy, known_cases=known, needs_scores=False), inapplicable=[influence])
    averaged = metric(accuracy, known_cases=known, influence=lambda p: np.full(len(p.labels), accuracy(p)))
    passed(averaged, inapplicable=[classes])


def test_a_metric_of_a_hierarchy_states_a_case_with_its_class_names(passed):
    """Its value depends on what the classes are, so that the kit's own names would say nothing about it."""
    inapplicable = ["influence_averages_to_the_value", "classes_alone_give_the_value"]
    passed(metric(same_kingdom, known_cases=(ANT_AS_BEE,)), inapplicable=inapplicable)


def test_a_metric_of_the_hierarchy_of_a_dataset_states_a_case_with_one(passed):
    inapplicable = ["influence_averages_to_the_value", "classes_alone_give_the_value"]
    passed(metric(right_group, needs=("hierarchy",), known_cases=(ANT_AS_CAT,)), inapplicable=inapplicable)


def test_a_metric_of_groups_states_a_case_with_groups(passed):
    inapplicable = ["influence_averages_to_the_value", "classes_alone_give_the_value"]
    passed(metric(worst_group, needs=("groups",), known_cases=(TWO_GROUPS,)), inapplicable=inapplicable)


def test_a_known_case_has_the_ids_that_a_metric_reads(judged_known_case):
    of_two = KnownCase([[9, 0], [9, 0], [0, 9]], [0, 1, 1], 0.5, ids=("A1", "A2", "B1"))
    assert judged_known_case(metric(of_the_first_camera, needs=("ids",), known_cases=(of_two,))) == ""
    assert "expected 1" in judged_known_case(
        metric(of_the_first_camera, needs=("ids",), known_cases=(replace(of_two, value=1.0),))
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ids": ("a",)}, "2 labels needs as many ids"),
        ({"groups": (1, 2, 3)}, "2 labels needs as many groups"),
        ({"hierarchy": (("a",), ("a",))}, "needs the groups of each of its classes, and their names"),
    ],
)
def test_a_known_case_that_does_not_fit_itself_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        KnownCase([[1, 0], [0, 1]], [0, 1], 1.0, **fields)


def test_a_known_case_has_a_logit_for_each_of_its_classes():
    with pytest.raises(ValueError, match="4 class names"):
        KnownCase([[1, 0]], [0], 1.0, classes=CLASSES)
