"""Parameters: a function that takes many has a record too few, or a reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import harness
import plugins
import reports
import zoo

MOST = 8
REASON = "# parameters: "


@pytest.mark.parametrize("package", [harness, plugins, reports, zoo], ids=lambda package: package.__name__)
def test_no_function_takes_more_than_eight_parameters_without_a_reason(package: ModuleType) -> None:
    root = Path(package.__path__[0])
    found = [
        f"{path.relative_to(root).as_posix()}: {name}"
        for path in sorted(root.rglob("*.py"))
        for name in crowded(path.read_text())
    ]
    assert found == []


def test_a_comment_on_the_def_line_is_a_reason() -> None:
    eight, nine = ", ".join("abcdefgh"), ", ".join("abcdefghi")
    assert list(crowded(f"def f({eight}): ...")) == []
    assert list(crowded(f"def f({nine}): ...")) == ["f"]
    assert list(crowded(f"def f({eight}, *, i): ...")) == ["f"]
    assert list(crowded(f"class C:\n    def f(self, {eight}): ...")) == []
    assert list(crowded(f"def f(  # parameters: those of torch's own\n    {nine}\n): ...")) == []


def crowded(source: str) -> Iterator[str]:
    """Yield the names of functions with more than eight parameters, ``self``, ``cls`` and ``ctx`` not counted."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            counted = [each for each in arguments if each.arg not in ("self", "cls", "ctx")]
            if len(counted) > MOST and REASON not in lines[node.lineno - 1]:
                yield node.name
