"""Failures that were seen in public elsewhere: each has a test here, whose docstring names where it was seen."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

SOURCES = {
    "mteb#5092": "a constant scorer got a perfect score by the order of ties",
    "pytorch-cifar#14": "the best epoch was chosen on the test set",
    "pytorch-cifar#145": "the same, years later",
    "pytorch-cifar100#60": "the same, elsewhere",
    "mteb#1516": "a missing split was silently replaced by another",
    "lm-evaluation-harness#4063": "a cache keyed by a model's name served another model's answers",
    "lm-evaluation-harness#3046": "repeats shared a key",
    "pytorch/ao#3073": "code changed, and what was cached did not",
    "torchgeo-bench#221": "turning profiling on changed the key, and doubled rows",
    "torchgeo-bench#292": "no GPU was recorded beside a speed",
    "mteb#5228": "a dataset that was uploaded again mixed old and new scores",
    "timm#1383": "other preprocessing cost points",
    "timm#1324": "the same",
    "ctlearn#179": "resuming reset the best metric",
    "sparseml#159": "resuming was off by one epoch",
    "mteb PR 4655": "resuming set time to zero",
    "lm-evaluation-harness#2533": "results were written once, at the end, and lost in a crash",
    "lightning#19970": "an atomic save was lost in a refactor",
    "lightning#21800": "an error in writing was swallowed",
    "optuna#5138": "a torn last line made every later start fail",
    "ray#21050": "results could not be read after their folder was moved",
    "llm#1280": "one broken plugin took --help with it",
    "ray#1463": "names became paths",
    "mlflow": "paths in names led out of the store, three times",
    "Ax#4985": "markup in names ran in a report",
    "allure3#227": "the same",
    "CVE-2025-32434": "a file of weights ran code",
    "accelerate#335": "a handler for want of memory swallowed other errors",
    "accelerate#1934": "the same handler looped at a batch of none",
}
"""Where a failure was seen, and what it was."""


@cache
def docstrings() -> str:
    """Return the docstrings of all tests that can fail."""
    found = []
    for path in Path(__file__).parent.parent.rglob("test_*.py"):
        found += [ast.get_docstring(test) or "" for test in asserting_tests(path.read_text(encoding="utf-8"))]
    return "\n".join(found)


def asserting_tests(source: str) -> list[ast.FunctionDef]:
    """Return the tests of a module that assert something, themselves or by a function that they call."""
    tree = ast.parse(source)
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    asserting = {name for name, node in functions.items() if any(map(_is_assertion, ast.walk(node)))}
    grown = True
    while grown:
        calling = {name for name, node in functions.items() if name not in asserting and _calls(node) & asserting}
        asserting |= calling
        grown = bool(calling)
    return [node for name, node in functions.items() if name.startswith("test_") and name in asserting]


def _is_assertion(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant)
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr in ("raises", "fail", "assert_close", "assert_allclose")


def _calls(node: ast.AST) -> set[str]:
    called = (each.func for each in ast.walk(node) if isinstance(each, ast.Call))
    return {each.id for each in called if isinstance(each, ast.Name)}


def is_named(source: str, text: str) -> bool:
    """Tell whether *text* names an issue: as ``project#12``, or as ``#12`` next to another of its project."""
    project, mark, number = source.partition("#")
    if not mark:
        return source in text
    places = [index for index in range(len(text)) if text.startswith(f"{project.rpartition('/')[2]}#", index)]
    return any(f"#{number} " in _until_other_words(text[index:]) for index in places)


def _until_other_words(text: str) -> str:
    """Return the issues that *text* begins with."""
    words = text.split()
    kept = [words[0]]
    for word in words[1:]:
        if word != "and" and not word.startswith("#"):
            break
        kept.append(word)
    return " ".join(each.strip(",.;:()") + " " for each in kept)


@pytest.mark.parametrize("source", SOURCES)
def test_a_failure_that_was_seen_elsewhere_has_a_test_that_names_it(source: str) -> None:
    assert is_named(source, docstrings()), f"no test that can fail names {source} in its docstring: {SOURCES[source]}"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("accelerate#335, #1934: real want of memory only", True),
        ("accelerate#335 and #1934", True),
        ("accelerate#335: and timm#1934", False),
        ("accelerate#1934.", True),
        ("accelerate#19345", False),
        ("#1934", False),
    ],
)
def test_the_check_above_sees_what_is_named_and_what_is_not(text: str, named: bool) -> None:
    assert is_named("accelerate#1934", text + " ") is named


@pytest.mark.parametrize(
    ("body", "can_fail"),
    [
        ("assert f() == 1", True),
        ("check(f())", True),
        ("with pytest.raises(ValueError): f()", True),
        ("f()", False),
        ("assert True", False),
        ("pass", False),
    ],
)
def test_a_test_without_an_assertion_does_not_count(body: str, can_fail: bool) -> None:
    source = f"def check(value):\n    assert value\ndef test_it():\n    {body}\n"
    assert [test.name for test in asserting_tests(source)] == (["test_it"] if can_fail else [])
