"""Dependencies: what a record may declare."""

from __future__ import annotations

from typing import Any

import pytest

import zoo
from zoo import Architecture, Recipe


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"files": "a.yaml"}, "files must be a tuple of strings, got 'a.yaml'"),
        ({"libraries": ["timm"]}, r"libraries must be a tuple of strings, got \['timm'\]"),
        ({"files": ("",)}, "files must be a tuple of strings"),
        ({"files": ("/data/a.yaml",)}, "the path '/data/a.yaml' of a data file must be relative to the plugin's file"),
    ],
)
def test_a_record_declares_relative_paths_and_names(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"architecture 'net': {message}"):
        Architecture(name="net", build=lambda request: None, **fields)  # type: ignore[arg-type,return-value]
    with pytest.raises(ValueError, match=f"recipe 'r': {message}"):
        Recipe(name="r", hyperparameters=zoo.Hyperparameters, **fields)


def test_they_are_kept() -> None:
    made = Architecture(name="net", build=lambda r: None, files=("a/b.yaml",), libraries=("timm",))  # type: ignore[arg-type,return-value]
    assert (made.files, made.libraries) == (("a/b.yaml",), ("timm",))
