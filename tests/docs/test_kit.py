"""The page on the conformance kit lists every check, with its reason, and no other."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

from zoo.testing import CHECKS

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "kit.md"


def test_the_page_lists_the_checks_in_order_with_why_they_matter() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(check.id, check.rationale + (" (slow)" if check.slow else "")) for check in CHECKS]


def test_ids_are_unique_and_each_function_is_there_and_nothing_else_looks_like_a_check() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    for name_of_module in {check.module or check.kind for check in CHECKS}:
        module = importlib.import_module(f"zoo.testing.kinds.{name_of_module}")
        public = {
            name
            for name, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
        }
        assert public == {check.id for check in CHECKS if name_of_module == (check.module or check.kind)}
