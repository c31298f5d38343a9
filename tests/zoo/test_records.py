"""The records that plugins yield: checked once, when they are made, and frozen from then on."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from zoo import (
    Architecture,
    DataRequest,
    Dataset,
    Executor,
    Hyperparameters,
    Listener,
    Metric,
    ModelRequest,
    Recipe,
    ReportFormat,
)

MAKERS: dict[str, tuple[type, dict[str, Any]]] = {
    "architecture": (Architecture, {"build": len}),
    "dataset": (Dataset, {"load": len}),
    "recipe": (Recipe, {"hyperparameters": Hyperparameters}),
    "metric": (Metric, {"compute": len}),
    "listener": (Listener, {"open": len}),
    "executor": (Executor, {"open": len}),
    "report format": (ReportFormat, {"render": len}),
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
def test_a_record_rejects_objects_that_are_not_callable(kind: type, needs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"'x': {next(iter(needs))} must be callable"):
        kind(name="x", **dict.fromkeys(needs, "a string"))


def test_requests_have_the_defaults_of_a_colour_image() -> None:
    request = ModelRequest(num_classes=10)
    assert (request.in_channels, request.image_size, request.pretrained, request.options) == (3, 224, False, {})
    data = DataRequest(root=Path("data"))
    assert (data.argument, data.download, data.options) == ("", True, {})
    data.report("fetching", 0.5)
