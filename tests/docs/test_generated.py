"""Generated parts of the pages are up to date, and list what the code declares."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from zoo import Catalog

ROOT = Path(__file__).parent.parent.parent
REFERENCE = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def generated() -> Any:
    """The script that writes the generated parts."""
    spec = importlib.util.spec_from_file_location("generated", ROOT / "docs" / "site" / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["files", "hooks", "kit", "records"])
def test_generated_parts_match_the_code(generated: Any, name: str) -> None:
    text = (REFERENCE / f"{name}.md").read_text(encoding="utf-8")
    assert "<!-- end -->" in text
    assert text == generated.updated(text), "run: python docs/site/generated.py"


def test_a_stale_part_is_noticed(generated: Any) -> None:
    stale = "<!-- fields: zoo.metric.KnownCase -->\n\n| `gone` | `int` | |\n\n<!-- end -->\n"
    fresh = generated.updated(stale)
    assert "`gone`" not in fresh
    of_validation = ["val_logits", "val_labels"]
    fields = ["logits", "labels", "value", "classes", *of_validation, "ids", "groups", "hierarchy", "features"]
    assert re.findall(r"^\| `(\w+)` \|", fresh, re.MULTILINE) == fields


def test_every_class_a_listener_or_an_executor_meets_is_listed() -> None:
    import zoo.events
    import zoo.executor

    listed = re.findall(
        r"<!-- fields: (zoo\.(?:events|executor)\.\w+) -->", (REFERENCE / "records.md").read_text("utf-8")
    )
    classes = {
        f"{module.__name__}.{name}"
        for module in (zoo.events, zoo.executor)
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__ and hasattr(value, "__dataclass_fields__")
    }
    assert set(listed) == classes - {"zoo.executor.Executor"}  # that is a hook's record


def _variables_of_the_code() -> set[str]:
    """Return the names of environment variables in the packages: any ``ZOO_…``, and what is read or set by name."""
    found: set[str] = set()
    for package in ("zoo", "harness", "reports", "plugins"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            found |= set(re.findall(r"\bZOO_[A-Z_]+\b", text))
            for node in ast.walk(ast.parse(text)):
                match node:
                    case ast.Call(
                        func=ast.Attribute(value=ast.Attribute(attr="environ")), args=[ast.Constant(str(name)), *_]
                    ):
                        found.add(name)
                    case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(str(name))):
                        found.add(name)
    return found


def test_every_environment_variable_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| (`[A-Z].*?`) \|", (REFERENCE / "environment.md").read_text(encoding="utf-8"), re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert documented == _variables_of_the_code()


def _glossary() -> list[str]:
    text = (REFERENCE / "glossary.md").read_text(encoding="utf-8")
    return [name for row in re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]


def test_the_glossary_has_an_entry_for_every_column_and_every_metric(catalog: Catalog) -> None:
    from reports.leaderboard.all_columns import COLUMNS

    expected = {column.key for column in COLUMNS} | {entry.display_name for entry in catalog.metrics}
    entries = _glossary()
    assert set(entries) == expected
    assert len(entries) == len(set(entries))


def test_every_page_is_in_the_navigation_and_reachable_from_the_index() -> None:
    docs = ROOT / "docs"
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    navigation = re.findall(r"^ +- ([\w/]+\.md)$", (docs / "site" / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    linked = set(re.findall(r"\]\(([\w/]+\.md)\)", (docs / "index.md").read_text("utf-8")))
    assert set(navigation) == pages
    assert linked == pages - {"index.md"}
