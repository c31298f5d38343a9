"""The page of the Python API has every public name, whose docstring says what it takes and raises."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import zoo

HOMES = {name: module for name, module in zoo._HOME.items() if name != "hookimpl"}
FUNCTIONS = [name for name in HOMES if inspect.isfunction(getattr(zoo, name))]


def test_the_page_shows_the_module_of_every_public_name(root: Path) -> None:
    shown = re.findall(r"^::: (\S+)$", (root / "docs" / "reference" / "api.md").read_text("utf-8"), re.MULTILINE)
    assert set(HOMES.values()) | {"zoo.errors"} <= set(shown)
    assert len(shown) == len(set(shown))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_says_what_it_takes_and_raises(name: str) -> None:
    function = getattr(zoo, name)
    text = inspect.getdoc(function) or ""
    assert {"Args:", "Raises:"} <= set(re.findall(r"^\w+:$", text, re.MULTILINE))
    described = text.partition("Args:")[2].partition("Raises:")[0]
    for parameter in inspect.signature(function).parameters:
        assert re.search(rf"^    \*{{0,2}}{parameter}\b", described, re.MULTILINE), f"{name}: {parameter}"
