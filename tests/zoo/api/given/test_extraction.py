"""Extraction: the text defines the same thing in a process that knows nothing of this one."""

from __future__ import annotations

import functools
import linecache
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from zoo.api.given.extraction import NoSourceError, extract, is_installed

WIDTH = 3
SIZES = {"small": (1, 2)}
HELD = object()


def helper(value: int) -> int:
    return value * WIDTH + SIZES["small"][1]


def outer(value: int) -> int:
    return helper(value) + len(Path("a/b").parts)


class Base:
    def get(self) -> int:
        return outer(1)


class Child(Base):
    def get(self) -> int:
        return super().get() + 1


def uses_object() -> object:
    return HELD


def run(source: str, expression: str) -> str:
    code = f"from __future__ import annotations\n{source}\nprint({expression})"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def closed_over(factor: int) -> Any:
    def inner(value: int) -> int:
        return helper(value) * factor

    return inner


@pytest.mark.parametrize(
    ("value", "expression", "expected"),
    [
        (outer, "it(2)", "10"),
        (Child, "it().get()", "8"),
        (closed_over(5), "it(1)", "25"),
        (lambda value: helper(value) + 1, "it(1)", "6"),
        (functools.partial(helper, value=4), "it()", "14"),
        (Path, "it('a').name", "a"),
    ],
    ids=["function", "class", "closure", "lambda", "partial", "installed"],
)
def test_the_text_defines_the_same_thing_elsewhere(value: Any, expression: str, expected: str) -> None:
    assert run(extract(value, "it"), expression) == expected


def test_the_text_follows_what_it_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    before = extract(outer, "it")
    assert extract(outer, "it") == before
    monkeypatch.setitem(outer.__globals__, "WIDTH", 4)
    assert extract(outer, "it") != before


def test_classes_of_notebooks_are_found() -> None:
    cell = "class Cell:\n    def get(self):\n        return DEPTH + 1\n"
    linecache.cache["<cell 1>"] = (len(cell), None, cell.splitlines(keepends=True), "<cell 1>")
    names: dict[str, Any] = {"DEPTH": 6, "__name__": "__main__"}
    exec(compile(cell, "<cell 1>", "exec"), names)
    assert run(extract(names["Cell"], "it"), "it().get()") == "7"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (uses_object, "HELD is an object of type object"),
        (HELD, "it is an object"),
        (functools.partial(helper, HELD), "arguments that are no literals"),
        (eval("lambda: 3"), "source|Python"),
    ],
    ids=["global", "object", "partial", "eval"],
)
def test_what_has_no_source_is_told(value: Any, reason: str) -> None:
    with pytest.raises(NoSourceError, match=reason):
        extract(value, "it")


def test_installed_modules_are_those_that_another_process_can_import() -> None:
    import json

    assert is_installed(json)
    assert is_installed(pytest)
    assert is_installed(sys)
    assert not is_installed(sys.modules[__name__])
    assert not is_installed(sys.modules["__main__"])
