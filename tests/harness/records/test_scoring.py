from __future__ import annotations

import os
import sys
from dataclasses import replace

import numpy as np
import pytest

from harness.records.scoring import asked_by, score
from zoo import ClassHierarchy
from zoo.catalog import Entry, Provider
from zoo.metric import Metric, Predictions

PROVIDER = Provider(name="test", origin="file", module="test.py")


def entry(name="m", compute=lambda predictions: 0.5, **fields) -> Entry[Metric]:
    return Entry(record=Metric(name=name, compute=compute, **fields), full_name=f"test/{name}", provider=PROVIDER)


def predictions(classes=3) -> Predictions:
    return Predictions(
        logits=np.eye(classes, dtype=np.float32), labels=np.arange(classes), classes=tuple("abcdefgh"[:classes])
    )


def raises(predictions):
    raise RuntimeError("no luck\nat all")


def test_a_value_comes_with_the_version_of_its_metric():
    values, problems = score(predictions(), [entry(version=4)])
    assert (values["m"].value, values["m"].version, problems) == (0.5, 4, ())


def test_what_no_metric_asks_for_is_not_worth_saving():
    assert asked_by([]) == asked_by([entry()]) == {"hierarchy"}
    assert asked_by([entry("a", needs=("ids",)), entry("b", needs=("groups", "ids"))]) == {"hierarchy", "ids", "groups"}


def test_nan_means_not_defined_and_becomes_none_without_a_problem():
    values, problems = score(
        predictions(),
        [entry(compute=lambda p: float("nan")), entry("per", lambda p: [0.0, np.nan, 1.0], kind="per_class")],
    )
    assert values["m"].value is None
    assert values["per"].value == [0.0, None, 1.0]
    assert problems == ()


def test_a_metric_that_raises_affects_no_other():
    values, problems = score(predictions(), [entry("bad", raises), entry("good")])
    assert values["bad"].value is None
    assert values["good"].value == 0.5
    assert problems == ("metric 'test/bad' has no value: RuntimeError: no luck at all",)


def test_a_metric_sees_what_it_needs_and_is_left_out_where_that_is_missing():
    seen = {}

    def keep(name):
        def compute(predictions):
            seen[name] = (predictions.ids, predictions.groups is not None, predictions.hierarchy is not None)
            return 0.5

        return compute

    rich = replace(predictions(), ids=("x", "y", "z"), groups=np.arange(3, dtype=np.uint64))
    wanted = [entry("plain", keep("plain")), entry("ids", keep("ids"), needs=("ids",))]
    values, problems = score(rich, [*wanted, entry("tree", keep("tree"), needs=("ids", "hierarchy"))])
    assert (list(values), problems) == (["plain", "ids"], ())
    assert seen == {"plain": (None, False, False), "ids": (("x", "y", "z"), False, False)}


def test_a_plugin_cannot_change_groups_for_others():
    def spoils(predictions):
        predictions.groups.flags.writeable = True
        predictions.groups[:] = 9
        return 0.5

    rich = replace(predictions(), groups=np.arange(3, dtype=np.uint64))
    _, problems = score(rich, [entry("bad", spoils, needs=("groups",))])
    assert rich.groups.tolist() == [0, 1, 2], problems


def test_a_plugin_cannot_change_the_distances_of_classes_for_others():
    import torch

    def spoils(predictions):
        predictions.hierarchy.distances.flags.writeable = True
        torch.from_numpy(predictions.hierarchy.distances).fill_(7)
        return 0.5

    def largest(predictions):
        return float(predictions.hierarchy.distances.max()) / 10

    tree = ClassHierarchy(classes=("a", "b", "c"), ancestors=(("x",), ("x",), ("y",)))
    wanted = [entry("bad", spoils, needs=("hierarchy",)), entry("good", largest, needs=("hierarchy",))]
    values, problems = score(replace(predictions(), hierarchy=tree), wanted)
    assert (values["good"].value, problems) == (0.4, ())
    assert tree.distances.max() == 4


@pytest.mark.parametrize(
    "nonsense",
    ["0.5", None, [0.5], 1.5, -0.1, float("inf"), 1j, {"a": 1}, np.ones((2, 2)), [[1], [1, 2]], len],
    ids=repr,
)
def test_nonsense_is_a_problem_and_not_a_value(nonsense):
    values, problems = score(predictions(), [entry(compute=lambda p: nonsense), entry("good")])
    assert values["m"].value is None
    assert values["good"].value == 0.5
    assert len(problems) == 1
    assert "test/m" in problems[0]


def test_metrics_for_two_classes_are_left_out_where_there_are_more():
    metrics = [entry("two", binary_only=True)]
    assert score(predictions(3), metrics) == ({}, ())
    assert list(score(predictions(2), metrics).values) == ["two"]


def test_rounding_past_a_bound_is_clipped():
    assert score(predictions(), [entry(compute=lambda p: 1 + 1e-15)]).values["m"].value == 1.0


def test_matrices_and_numpy_numbers_become_plain_lists_and_floats():
    values, _ = score(
        predictions(2),
        [
            entry("matrix", lambda p: np.eye(2, dtype=np.float32), kind="matrix"),
            entry("single", lambda p: np.float32(0.5)),
            entry("whole", lambda p: np.int64(1)),
        ],
    )
    assert values["matrix"].value == [[1.0, 0.0], [0.0, 1.0]]
    assert type(values["single"].value) is float
    assert values["whole"].value == 1.0


def _write_labels(predictions):
    predictions.labels[:] = 0


def _write_in_place(predictions):
    predictions.logits.sort()


def _write_derived(predictions):
    predictions.probabilities[0] = 1


@pytest.mark.parametrize("write", [_write_labels, _write_in_place, _write_derived])
def test_a_metric_that_writes_into_its_input_has_no_value_and_spoils_no_other(catalog, write):
    accuracy = catalog.metrics.get("accuracy")
    given = predictions()
    values, problems = score(given, [entry("bad", write), accuracy])
    assert values["bad"].value is None
    assert values["accuracy"].value == 1.0
    (problem,) = problems
    assert problem.startswith(
        "metric 'test/bad' has no value: it writes into the predictions; it must copy them first ("
    )


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_a_metric_that_writes_through_a_tensor_or_lifts_the_lock_spoils_no_other(catalog):
    def by_tensor(predictions):
        torch.from_numpy(predictions.labels).zero_()
        return float(len(np.unique(predictions.labels)) == 1)

    def by_flag(predictions):
        predictions.logits.base.flags.writeable = True
        predictions.logits.base[:] = 0
        return 0.5

    torch = pytest.importorskip("torch")
    given = predictions()
    values, problems = score(given, [entry("a", by_tensor), entry("b", by_flag), catalog.metrics.get("accuracy")])
    assert problems == ()
    assert (values["a"].value, values["accuracy"].value) == (1.0, 1.0)
    assert given.labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("leave", "cause"),
    [
        (lambda: sys.exit(0), "it called sys.exit(0)"),
        (lambda: os._exit(0), "it called os._exit(0)"),
        (lambda: exec("raise GeneratorExit"), "it raised GeneratorExit"),
    ],
)
def test_a_metric_that_would_end_the_process_costs_itself_only(leave, cause):
    values, problems = score(predictions(), [entry("bad", lambda predictions: leave()), entry("good")])
    assert values["good"].value == 0.5
    assert problems == (f"metric 'test/bad' has no value: {cause}",)


def test_metrics_that_need_scores_are_left_out_where_only_classes_are_known():
    classes_only = Predictions(logits=np.eye(3), labels=np.arange(3), classes=("a", "b", "c"), has_scores=False)
    metrics = [entry("of_scores"), entry("of_classes", needs_scores=False)]
    assert list(score(classes_only, metrics).values) == ["of_classes"]
    assert list(score(predictions(), metrics).values) == ["of_scores", "of_classes"]


def test_a_metric_of_a_plugin_is_told_that_there_are_no_scores():
    classes_only = Predictions(logits=np.eye(3), labels=np.arange(3), classes=("a", "b", "c"), has_scores=False)
    values, _ = score(classes_only, [entry(compute=lambda given: float(given.has_scores), needs_scores=False)])
    assert values["m"].value == 0.0
