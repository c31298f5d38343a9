"""The examples in the docstrings of the Python API run."""

from __future__ import annotations

import doctest
import importlib
import shutil
from pathlib import Path

import pytest

QUICK = (
    "zoo.api.adding", "zoo.api.ensembling", "zoo.api.ranking", "zoo.api.differences", "zoo.api.creating",
)  # fmt: skip
BENCHES = ("zoo.api.benching", "zoo.api.lr_finding")


def run(module: str) -> doctest.TestResults:
    return doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)


@pytest.fixture(autouse=True)
def _in_a_checkout(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(root / "tests" / "fixtures" / "store-v1", tmp_path / "tests" / "fixtures" / "store-v1")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("module", QUICK)
def test_examples_run(module: str) -> None:
    results = run(module)
    assert results.failed == 0
    assert results.attempted > 1


@pytest.mark.slow
@pytest.mark.parametrize("module", BENCHES)
def test_examples_of_benches_run(module: str) -> None:
    results = run(module)
    assert results.failed == 0
    assert results.attempted > 1
