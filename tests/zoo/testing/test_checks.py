"""The table of checks: every check has a function, and is selected by its kind, its ID and its speed."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from zoo.errors import ManyErrors
from zoo.testing.checks import CHECKS, checks_of, require_ids
from zoo.testing.subjects import KINDS


def test_ids_are_unique_and_every_kind_has_checks() -> None:
    assert max(Counter(check.id for check in CHECKS).values()) == 1
    assert {check.kind for check in CHECKS} == set(KINDS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check_has_a_function_of_its_name(check) -> None:
    assert check.function.__name__ == check.id


def proven(source: str) -> set[str]:
    """Return the strings of the cases of ``caught``, the fixture that holds a broken record to one check."""
    tree = ast.parse(source)
    cases = {ast.unparse(node.targets[0]): node.value for node in tree.body if isinstance(node, ast.Assign)}
    found: set[str] = set()
    for test in tree.body:
        if isinstance(test, ast.FunctionDef) and "caught" in {each.arg for each in test.args.args}:
            named = {each.id for each in ast.walk(test) if isinstance(each, ast.Name)}
            for where in (test, *(value for name, value in cases.items() if name in named)):
                found |= {each.value for each in ast.walk(where) if isinstance(each, ast.Constant)} - {None}
    return {each for each in found if isinstance(each, str)}


def test_every_check_is_proven_on_a_record_that_was_made_to_break_it() -> None:
    found = set().union(
        *(proven(path.read_text("utf-8")) for path in (Path(__file__).parent / "kinds").glob("test_*.py"))
    )
    assert [check.id for check in CHECKS if check.id not in found] == []


def test_a_check_that_only_good_records_are_held_to_is_not_proven() -> None:
    good = 'def test_it(passed):\n    passed(record, inapplicable=["builds"])\n'
    assert proven(good) == set()
    assert "builds" in proven('@parametrize("it", [("builds", "why", record)])\ndef test_it(caught): ...\n')


def test_slow_checks_run_on_request_only() -> None:
    assert "compiles" not in {check.id for check in checks_of("architectures")}
    assert "compiles" in {check.id for check in checks_of("architectures", slow=True)}
    assert [check.id for check in checks_of("architectures", only=["exports", "loads"])] == ["exports"]


def test_unknown_ids_are_reported_together() -> None:
    with pytest.raises(ManyErrors) as caught:
        require_ids(["buids", "builds", "lods"])
    first, second = map(str, caught.value.errors)
    assert "no check is called 'buids'; did you mean 'builds'" in first
    assert "'loads'" in second
