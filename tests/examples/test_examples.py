"""The examples are what a third party could write, and work; the packages' own tests run in their own environments."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import zoo
from zoo.loading import Sources, build_catalog
from zoo.testing import parametrize_with_checks

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
PACKAGES = sorted(path.parent for path in EXAMPLES.glob("*/pyproject.toml"))
_PUBLIC_MODULES = {"zoo", "zoo.class_list", "zoo.errors", "zoo.metric", "zoo.dataset", "zoo.events", "zoo.testing"}


@parametrize_with_checks(
    EXAMPLES / "one_file.py", only=("builds", "hyperparameters_serialise", "known_cases", "loss_is_a_mean")
)
def test_the_plugin_in_one_file_conforms_in_what_is_quick(check: Any) -> None:
    check()


@pytest.mark.slow
@parametrize_with_checks(EXAMPLES / "one_file.py")
def test_the_plugin_in_one_file_conforms(check: Any) -> None:
    check()


RECIPES = sorted((EXAMPLES / "recipes").glob("*.py"))


@pytest.mark.parametrize("file", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_of_research_conform(file: Path) -> None:
    from zoo.testing import judge
    from zoo.testing.checks import checks_of
    from zoo.testing.subjects import Subject

    for entry in build_catalog(Sources(files=(str(file),), entry_points=False)).recipes:
        if entry.provider.origin != "file" or entry.record.name in ("auxiliary", "distilled"):
            continue  # these need a network or a teacher of their own
        for check in checks_of("recipes"):
            verdict = judge(check, Subject(record=entry.record))
            assert verdict.state.is_good, (entry.full_name, check.id, verdict.reason, verdict.traceback)


def test_there_are_two_packages() -> None:
    assert [path.name for path in PACKAGES] == ["zoo-efficientnet-lite", "zoo-medmnist"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: path.name)
def test_an_example_uses_public_names_only(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            assert module.split(".")[0] not in ("harness", "plugins", "reports")
            if module.split(".")[0] == "zoo":
                assert module in _PUBLIC_MODULES
                assert not [alias.name for alias in node.names if alias.name.startswith("_")]
            if module == "zoo":
                assert {alias.name for alias in node.names} <= set(zoo.__all__)


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda path: path.name)
def test_a_package_is_a_plugin_as_metadata_says_and_light_at_import(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    name = project["name"].replace("-", "_")
    info = tmp_path / f"{name}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = "".join(f"{key} = {value}\n" for key, value in project["entry-points"]["zoo"].items())
    (info / "entry_points.txt").write_text(f"[zoo]\n{points}")
    monkeypatch.syspath_prepend(folder / "src")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ZOO_PLUGINS", project["name"])
    # Neither timm nor medmnist is asked for, so that this runs where they are not installed.
    catalog = build_catalog(Sources(builtin=False, strict=True))
    (plugin,) = [each for each in catalog.plugins if each.state == "loaded"]
    assert plugin.provider.distribution == project["name"]
    assert plugin.provides


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda path: path.name)
def test_a_package_has_a_readme_tests_and_an_environment_of_its_own(folder: Path, root: Path) -> None:
    assert (folder / "README.md").is_file()
    assert any((folder / "tests").glob("test_*.py"))
    tox = (root / "tox.ini").read_text()
    assert folder.name.removeprefix("zoo-") in re.findall(r"EXAMPLE = (\S+)", tox)
