"""Test images and files of predictions that fit them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.given.test_images import TestImages, from_labels
from harness.records.spec import DatasetSpec, ProviderSpec

TOY = DatasetSpec(full_name="labels/toy", display_name="toy", provider=ProviderSpec(plugin="none"))
LABELS = {"a": "cat", "b": "dog", "c": "dog", "d": "cow"}

WriteJson = Callable[[str, Any], Path]


@pytest.fixture
def write_json(tmp_path: Path) -> WriteJson:
    """``write_json("net", {"a": "cat"})`` writes ``net.json``."""

    def write(name: str, content: Any) -> Path:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return write


@pytest.fixture
def toy_images(write_json: WriteJson) -> Callable[[Sequence[str]], TestImages]:
    """``toy_images(ids)``: test images of these ids, whose classes are cat, dog, dog, cow in turn."""

    def images(ids: Sequence[str]) -> TestImages:
        labels = dict(zip(ids, list(LABELS.values()) * len(ids), strict=False))
        return from_labels(write_json("labels", labels), TOY)

    return images
