"""Searches of toy recipes, in memory and as benches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .toy_search import ToySearch


@pytest.fixture
def make_toys(tmp_path: Path) -> Callable[..., ToySearch]:
    """Searches in a folder of their own."""

    def make(name: str = "toys") -> ToySearch:
        folder = tmp_path / name
        folder.mkdir()
        return ToySearch(folder)

    return make


@pytest.fixture
def toys(make_toys: Callable[..., ToySearch]) -> ToySearch:
    """Searches in one folder."""
    return make_toys()
