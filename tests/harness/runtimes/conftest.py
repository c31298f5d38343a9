"""One trained trial, under whose folder runtimes are tested."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from zoo import Catalog


@pytest.fixture(scope="module")
def trained(train_trial: Callable[..., Path], catalog: Catalog) -> Path:
    return train_trial(catalog, measure_seconds=0.02, threads=1)


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """A copy of that trial in a store of its own."""
    return Path(shutil.copytree(trained, tmp_path / "runs" / trained.name))
