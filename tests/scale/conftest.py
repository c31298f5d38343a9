"""The scripts of benchmarks/scale, which are in the checkout and in no package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def scale(root: Path) -> ModuleType:
    """The simulation."""
    return _load(root, "simulate")


@pytest.fixture(scope="session")
def tables(root: Path, scale: ModuleType) -> ModuleType:
    """What works out the tables of docs/explanation/scale.md with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "simulate", scale)
        return _load(root, "tables")


def _load(root: Path, name: str) -> ModuleType:
    path = root / "benchmarks" / "scale" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"scale_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
