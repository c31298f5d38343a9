"""Four packages come together, from one place, and are laid out as the design says."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import os
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from zoo import Catalog

PACKAGES = ("harness", "plugins", "reports", "zoo")


def _modules(root: Path) -> list[Path]:
    return [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]


def test_all_four_packages_resolve_to_one_parent() -> None:
    """Names like plugins and reports are common ones; a second owner would mix two programs."""
    parents = {package: Path(importlib.import_module(package).__file__ or "").parent.parent for package in PACKAGES}
    assert len(set(parents.values())) == 1, parents


@pytest.mark.skipif("TOX_ENV_NAME" not in os.environ, reason="outside tox the checkout itself may be installed")
def test_in_tox_the_installed_wheel_is_tested_and_not_the_checkout(root: Path) -> None:
    for package in PACKAGES:
        file = Path(importlib.import_module(package).__file__ or "").resolve()
        assert "site-packages" in file.parts, file
        assert root / package not in file.parents, file


@pytest.mark.skipif("ZOO_TEST_TORCH" not in os.environ, reason="the environment asks for no torch in particular")
def test_the_torch_under_test_has_the_requested_version() -> None:
    """A newer torchvision brings its own torch along, without a word."""
    torch = importlib.metadata.version("torch")
    assert torch.startswith(f"{os.environ['ZOO_TEST_TORCH']}."), torch


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names of the files in the wheel under test, or in one built from the checkout."""
    path = os.environ.get("TOX_PACKAGE")
    if not path:
        from hatchling.builders.wheel import WheelBuilder

        (path,) = WheelBuilder(str(root)).build(directory=str(tmp_path_factory.mktemp("dist")))
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_the_wheel_holds_exactly_the_four_packages(wheel: list[str]) -> None:
    tops = {name.split("/")[0] for name in wheel}
    (info,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops - {info} == set(PACKAGES)
    assert f"{info}/licenses/LICENSE" in wheel


def test_the_wheel_holds_every_file_of_the_packages(wheel: list[str], root: Path) -> None:
    """Modules, type markers and data files such as templates."""
    wanted = {
        path.relative_to(root).as_posix()
        for package in PACKAGES
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted - set(wheel) == set()
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(wheel)


def test_no_name_is_in_the_wheel_twice(wheel: list[str]) -> None:
    """On some file systems Model.py and model.py are one file."""
    assert [name for name, count in Counter(name.lower() for name in wheel).items() if count > 1] == []


def test_every_module_begins_with_what_it_is(root: Path) -> None:
    bare = [path for path in _modules(root) if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert bare == []


def test_every_module_postpones_annotations(root: Path) -> None:
    def needs(text: str) -> bool:
        annotated = ast.AnnAssign | ast.AsyncFunctionDef | ast.FunctionDef
        return any(isinstance(each, annotated) for each in ast.walk(ast.parse(text)))

    texts = {path: path.read_text(encoding="utf-8") for path in _modules(root)}
    line = "from __future__ import annotations"
    assert [path for path, text in texts.items() if needs(text) and line not in text] == []


def test_no_module_is_longer_than_400_lines(root: Path) -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in _modules(root)}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_half_of_the_modules_are_shorter_than_150_lines(root: Path) -> None:
    lengths = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in _modules(root))
    assert lengths[len(lengths) // 2] < 150


def test_every_built_in_is_loaded(catalog: Catalog) -> None:
    problems = {plugin.provider.name: plugin.traceback for plugin in catalog.plugins if plugin.state != "loaded"}
    assert not problems, "\n".join(problems.values())


def test_every_plugin_module_is_listed_as_built_in(root: Path) -> None:
    """BUILTIN is the one visible list; a module with hooks that is not on it would never load."""
    import plugins

    with_hooks = {
        ".".join(path.relative_to(root).with_suffix("").parts)
        for path in (root / "plugins").rglob("*.py")
        if "@hookimpl" in path.read_text(encoding="utf-8")
    }
    assert with_hooks == set(plugins.BUILTIN)


def test_plugins_use_zoo_by_its_public_modules_only(root: Path) -> None:
    """A third party could write each of them: no name that begins with an underscore, nothing of the command line."""
    taken = []
    for path in (root / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "zoo":
                names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
                taken += [(path.name, name) for name in names if name.startswith("_") or name == "cli"]
    assert taken == []


LARGE = ("zoo", "zoo/cli/commands")
"""Packages with more than twenty modules; docs/contributing/architecture.md gives the reasons."""


def large_packages(root: Path) -> list[str]:
    """Return the packages with more than twenty modules of their own."""
    found = Counter(path.parent for path in _modules(root) if path.stem != "__init__")
    return sorted(package.relative_to(root).as_posix() for package, count in found.items() if count > 20)


def test_a_package_has_at_most_twenty_modules(root: Path) -> None:
    assert large_packages(root) == list(LARGE)


def test_a_package_that_is_too_large_is_found(tmp_path: Path) -> None:
    for package, count in (("harness/data", 20), ("harness/data/cache", 21)):
        (tmp_path / package).mkdir(parents=True)
        for number in range(count):
            (tmp_path / package / f"module_{number}.py").touch()
        (tmp_path / package / "__init__.py").touch()
    assert large_packages(tmp_path) == ["harness/data/cache"]
