"""Classifiers that are given by a path."""

from __future__ import annotations

import pytest

from harness.planning.classifiers import is_given


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("file:r20.safetensors", True),
        ("trial:runs/a", True),
        ("onnx:", True),
        ("timm/resnet18.a1_in1k", False),
        ("folder:x", False),
        ("file", False),
    ],
)
def test_a_path_is_told_from_a_name_by_its_prefix(name: str, given: bool) -> None:
    assert is_given(name) == given
