"""The table of checks: every check has a function, and is selected by its kind, its ID and its speed."""

from __future__ import annotations

from collections import Counter

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
