"""What all tests share: a cache of their own, the catalog of built-ins, the command, and real data where it lies."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zoo import Catalog, build_catalog
from zoo.loading import Sources

ROOT = Path(__file__).parent.parent
"""The checkout, which holds the tests; the packages under test may be installed elsewhere."""

RunZoo = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Neither the user's cache nor what their shell says about output reaches a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
        for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "ZOO_DEBUG"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The built-ins, and nothing that happens to be installed beside them."""
    return build_catalog(Sources(entry_points=False))


@pytest.fixture(scope="session")
def zoo_script() -> Path:
    """The installed command."""
    name = "zoo.exe" if os.name == "nt" else "zoo"
    path = Path(sysconfig.get_path("scripts")) / name
    assert path.is_file(), f"the package is not installed: there is no {path}"
    return path


@pytest.fixture
def run_zoo(zoo_script: Path, tmp_path: Path) -> RunZoo:
    """Run ``zoo`` as a user does, in a process of its own and an empty folder."""

    def run(*args: str | Path, timeout: float = 120, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [zoo_script, *args],
            capture_output=True,
            cwd=tmp_path,
            encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1", **variables},
            timeout=timeout,
        )

    return run


@pytest.fixture(scope="session")
def data_root() -> Path:
    """A folder with real data sets: ``$ZOO_DATA``, or ``../shared/data`` beside the checkout."""
    given = os.environ.get("ZOO_DATA")
    for candidate in [Path(given)] if given else [ROOT.parent / "shared" / "data"]:
        if candidate.is_dir():
            return candidate.resolve()
    pytest.skip("no real data here: set ZOO_DATA to a folder that holds cifar10")
