"""Maps: the docstring of a package names every module in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGES = ("harness", "plugins", "reports", "zoo")
EXCEPTED = ("zoo/cli/commands",)
"""Here the name of a module is the name of its command."""


def unnamed(package: Path) -> list[str]:
    """Return the modules and packages in *package* that its docstring does not name; ``_private`` ones may be."""
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`+([^`]+)`+", docstring))))
    modules = {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }
    return sorted(name for name in modules if not name.startswith("_") and name not in words)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_names_its_modules(root: Path, name: str) -> None:
    found = {
        path.parent.relative_to(root).as_posix(): unnamed(path.parent)
        for path in (root / name).rglob("__init__.py")
        if path.parent.relative_to(root).as_posix() not in EXCEPTED
    }
    assert {package: modules for package, modules in found.items() if modules} == {}


def test_a_module_that_is_not_named_is_found(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text('"""A map: ``one``, and :mod:`~.two`; three is not marked."""\n')
    for name in ("one.py", "two.py", "three.py", "_four.py"):
        (tmp_path / name).touch()
    (tmp_path / "five").mkdir()
    (tmp_path / "five" / "__init__.py").touch()
    assert unnamed(tmp_path) == ["five", "three"]
