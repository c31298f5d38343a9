"""Tests mirror the packages: module ``a/b/_c.py`` is tested by ``tests/a/b/test_c.py``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PACKAGES = ("harness", "plugins", "reports", "zoo")
EXCEPTED = ("__init__", "__main__", "_version")
TEMPLATES = "templates"
"""Files in folders of this name are copied into packages of plugins, and are modules there only."""

TESTED_ELSEWHERE: tuple[str, ...] = ()
"""Modules that are tested by whole benches and trials, under other names. This list may only become shorter."""


def untested(root: Path) -> list[str]:
    """Return the modules that have no tests of their own name."""
    modules = sorted(path.relative_to(root) for package in PACKAGES for path in (root / package).rglob("*.py"))
    return [
        module.as_posix()
        for module in modules
        if module.stem not in EXCEPTED
        and TEMPLATES not in module.parts
        and not (root / "tests" / module.parent / f"test_{module.stem.lstrip('_')}.py").is_file()
    ]


def test_every_module_has_tests_of_its_own_name(root: Path) -> None:
    assert [module for module in untested(root) if module not in TESTED_ELSEWHERE] == []


def test_no_module_is_listed_that_has_its_tests_or_is_gone(root: Path) -> None:
    done = sorted(set(TESTED_ELSEWHERE) - set(untested(root)))
    assert done == [], "take these out of the list"
    assert len(set(TESTED_ELSEWHERE)) == len(TESTED_ELSEWHERE)


@pytest.mark.parametrize(
    ("module", "test", "found"),
    [
        ("zoo/a/c.py", "zoo/a/test_c.py", []),
        ("zoo/a/_c.py", "zoo/a/test_c.py", []),
        ("zoo/a/c.py", "zoo/test_c.py", ["zoo/a/c.py"]),
        ("zoo/a/c.py", "harness/a/test_c.py", ["zoo/a/c.py"]),
        ("plugins/c.py", "plugins/test_d.py", ["plugins/c.py"]),
        ("zoo/a/__init__.py", "zoo/test_c.py", []),
        ("zoo/__main__.py", "zoo/test_c.py", []),
        ("zoo/templates/c.py", "zoo/test_c.py", []),
    ],
)
def test_the_check_above_sees_what_is_missing(tmp_path: Path, module: str, test: str, found: list[str]) -> None:
    for name in (module, f"tests/{test}"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert untested(tmp_path) == found


def test_every_path_that_tox_runs_exists(root: Path) -> None:
    named = set(re.findall(r"\btests/[\w/]+(?:\.\w+)?", (root / "tox.ini").read_text(encoding="utf-8")))
    assert len(named) > 10
    assert sorted(path for path in named if not (root / path).exists()) == []
