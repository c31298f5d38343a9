"""The records that plugins yield: checked once, when they are made, and frozen from then on."""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo import (
    Architecture,
    DataRequest,
    Dataset,
    Hyperparameters,
    Listener,
    Metric,
    ModelRequest,
    Predictions,
    Recipe,
    Split,
    Splits,
    events,
)

MAKERS: dict[str, tuple[type, dict[str, Any]]] = {
    "architecture": (Architecture, {"build": len}),
    "dataset": (Dataset, {"load": len}),
    "recipe": (Recipe, {"hyperparameters": Hyperparameters}),
    "metric": (Metric, {"compute": len}),
    "listener": (Listener, {"open": len}),
}
RECORDS = pytest.mark.parametrize(("kind", "needs"), MAKERS.values(), ids=MAKERS)


@RECORDS
def test_a_record_needs_a_name_and_one_function(kind: type, needs: dict[str, Any]) -> None:
    record = kind(name="x", **needs)
    assert (record.name, record.namespace, record.short) == ("x", "", True)
    with pytest.raises(TypeError):
        kind(**needs)


@RECORDS
def test_a_record_is_frozen_and_takes_keywords_only(kind: type, needs: dict[str, Any]) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        kind(name="x", **needs).name = "y"
    with pytest.raises(TypeError):
        kind("x", *needs.values())


@RECORDS
@pytest.mark.parametrize("name", ["../../x", "Model", "", "x" * 300])
def test_a_record_refuses_a_hostile_name(kind: type, needs: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match="must be 1 to 128 characters"):
        kind(name=name, **needs)
    if name:
        with pytest.raises(ValueError, match="namespace"):
            kind(name="x", namespace=name, **needs)


@RECORDS
def test_a_record_refuses_what_cannot_be_called(kind: type, needs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"'x': {next(iter(needs))} must be callable"):
        kind(name="x", **dict.fromkeys(needs, "a string"))


@pytest.mark.parametrize(
    "wrong", [{"native_size": 0}, {"min_size": 0}, {"options": {"a b": 1}}, {"options": {"a": [1]}}], ids=str
)
def test_an_architecture_refuses_wrong_sizes_and_options(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="architecture 'x'"):
        Architecture(name="x", build=_build, **wrong)


def _build(request: ModelRequest) -> Any:
    raise AssertionError("a record builds nothing")


def test_a_recipe_refuses_a_part_that_cannot_be_called() -> None:
    with pytest.raises(ValueError, match="loss must be callable"):
        Recipe(name="x", hyperparameters=Hyperparameters, loss="mse")  # type: ignore[arg-type]


def test_a_metric_refuses_a_kind_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="kind must be scalar, per_class or matrix, not 'vector'"):
        Metric(name="x", compute=len, kind="vector")  # type: ignore[arg-type]


def _images(count: int = 2, **changed: Any) -> np.ndarray[Any, Any]:
    return np.zeros(**{"shape": (count, 4, 4, 3), "dtype": np.uint8, **changed})


LABELS = np.array([0, 1])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "either images or encoded"),
        ({"images": _images(), "encoded": [b"", b""]}, "not both"),
        ({"images": _images(3)}, "3 images for 2 labels"),
        ({"encoded": [b""]}, "1 encoded for 2 labels"),
        ({"images": _images(dtype=np.float32)}, "must be uint8"),
        ({"images": _images(shape=(2, 4, 4))}, r"got uint8 \[2, 4, 4\]"),
        ({"images": _images(shape=(2, 3, 4, 4))}, "1 or 3 channels, got 4"),
        ({"images": _images(), "ids": ["a"]}, "1 ids for 2 labels"),
        ({"images": _images(), "groups": ["a"] * 3}, "3 groups for 2 labels"),
        ({"images": _images(), "labels": np.array([0.0, 1.0])}, "array of integers"),
        ({"images": _images(), "labels": np.array([[0, 1]])}, "one-dimensional"),
        ({"images": _images(), "labels": [0, 1]}, "one-dimensional array"),
    ],
)
def test_a_split_refuses_what_does_not_fit(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Split(**{"labels": LABELS, **fields})


def test_a_split_is_as_long_as_its_labels() -> None:
    assert len(Split(labels=LABELS, images=_images())) == 2
    assert len(Split(labels=LABELS, encoded=[Path("a.png"), b"bytes"])) == 2


@pytest.mark.parametrize(
    ("classes", "labels", "message"),
    [
        (("a",), [0, 0], "at least 2 classes, got 1"),
        (("a", "b"), [0, 2], "labels of the train split run from 0 to 2, but there are 2 classes"),
        (("a", "b"), [-1, 1], "run from -1 to 1"),
        (("a", "b"), [], "the train split is empty"),
    ],
)
def test_splits_refuse_labels_without_a_class(classes: tuple[str, ...], labels: list[int], message: str) -> None:
    train = Split(labels=np.array(labels, dtype=np.int64), images=_images(len(labels)))
    with pytest.raises(ValueError, match=message):
        Splits(classes=classes, train=train)


def test_splits_check_test_labels_too() -> None:
    train = Split(labels=LABELS, images=_images())
    with pytest.raises(ValueError, match="the test split"):
        Splits(classes=("a", "b"), train=train, test=Split(labels=LABELS + 1, images=_images()))


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


def test_requests_have_the_defaults_of_a_colour_image() -> None:
    request = ModelRequest(num_classes=10)
    assert (request.in_channels, request.image_size, request.pretrained, request.options) == (3, 224, False, {})
    data = DataRequest(root=Path("data"))
    assert (data.argument, data.download, data.options) == ("", True, {})
    data.report("fetching", 0.5)


EVENTS = typing.get_args(events.Event)


def test_every_event_is_one_that_a_listener_is_told_to_expect() -> None:
    classes = {each for each in vars(events).values() if isinstance(each, type) and each.__module__ == "zoo.events"}
    assert classes == set(EVENTS)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_an_event_is_frozen_plain_data_fit_for_json(event: type) -> None:
    values = {
        field.name: {"trials": (("id", "title"),), "counts": {"done": 1}, "record": {}, "store": Path("runs")}.get(
            field.name, 1
        )
        for field in dataclasses.fields(event)
    }
    made = event(**values)
    assert json.loads(json.dumps(dataclasses.asdict(made), default=str))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(event)[0].name, None)
