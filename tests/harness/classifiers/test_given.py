"""What a path to a classifier leads to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.classifiers.given import read_given, suggest_prefix
from zoo import Catalog
from zoo.errors import StoreError, UsageError


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("file:{}/gone.safetensors", "there is nothing at"),
        ("onnx:{}/gone.onnx", "there is nothing at"),
        ("trial:{}", "is not a trial folder"),
    ],
)
def test_what_is_not_there_is_one_sentence(name: str, problem: str, catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=problem):
        read_given(name.format(tmp_path), catalog)


def test_a_prefix_needs_a_path(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="file:PATH"):
        read_given("file:", catalog)


def test_a_path_without_a_prefix_gets_one(tmp_path: Path) -> None:
    (tmp_path / "record.json").touch()
    assert suggest_prefix("a.safetensors") == "file:a.safetensors"
    assert suggest_prefix("a.onnx") == "onnx:a.onnx"
    assert suggest_prefix(str(tmp_path)) == f"trial:{tmp_path}"
    assert suggest_prefix("resnet18") == ""


def test_reading_a_card_needs_no_torch() -> None:
    code = "import harness.classifiers.given, sys; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
