"""Names: a public class has a name of its own."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PACKAGES = ("harness", "plugins", "reports", "zoo")


def shared_names(root: Path) -> dict[str, list[str]]:
    """Return the names of public classes that several modules define, with these modules."""
    homes: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    homes[node.name].append(path.relative_to(root).as_posix())
    return {name: modules for name, modules in homes.items() if len(modules) > 1}


def test_no_two_public_classes_have_the_same_name(root: Path) -> None:
    assert shared_names(root) == {}


def test_a_name_that_is_given_twice_is_found(tmp_path: Path) -> None:
    for name, code in (
        ("harness/a.py", "class One: ...\nclass _Own: ..."),
        ("zoo/b.py", "class One: ...\nclass _Own: ..."),
    ):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(code)
    assert shared_names(tmp_path) == {"One": ["harness/a.py", "zoo/b.py"]}
