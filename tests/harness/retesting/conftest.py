"""One trained trial, whose weights are tested on further sets."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from harness.data.settings import DataSettings
from harness.planning.request import BenchRequest
from harness.retesting.requested import requested_sets
from zoo import Catalog
from zoo.files.cache import decoded_root
from zoo.loading import Sources


@pytest.fixture(scope="module")
def trained(train_trial: Callable[..., Path], catalog: Catalog) -> Path:
    return train_trial(catalog, threads=1)


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """A copy of that trial in a store of its own."""
    return Path(shutil.copytree(trained, tmp_path / "runs" / trained.name))


@pytest.fixture
def settings(photo_folder: Path) -> DataSettings:
    return DataSettings(data_root=photo_folder, cache=decoded_root())


@pytest.fixture
def places(settings: DataSettings) -> dict[str, Any]:
    """Arguments of jobs on plugins and data."""
    return {
        "sources": asdict(Sources(entry_points=False)),
        "settings": {"data_root": str(settings.data_root), "cache": str(settings.cache), "download": False},
    }


@pytest.fixture
def request_sets(catalog: Catalog) -> Callable[..., Any]:
    """The sets that the words after ``--test-also`` name."""

    def find(*words: str, **others: object) -> Any:
        return requested_sets(BenchRequest.parse({"test_also": list(words), **others}, origin="a test"), catalog)

    return find


@pytest.fixture
def other_site(photo_folder: Path, tmp_path: Path) -> Path:
    """The test pictures of another site, in folders with names of another spelling and order."""
    site = tmp_path / "site"
    for name in ("birch", "cedar", "maple"):
        shutil.copytree(photo_folder / "test" / name, site / name.upper())
    return site
