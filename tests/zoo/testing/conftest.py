"""Holding a record to the kit: that one check catches it, or that all pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

import pytest

from zoo.testing import CHECKS, State, Subject, judge
from zoo.testing.global_state import GlobalState


@pytest.fixture
def caught() -> Callable[[str, str, Any], None]:
    """Assert that a check fails on a record and says why, and that nothing of what the record did remains."""

    def run(check_id: str, says: str, record: Any) -> None:
        (check,) = (each for each in CHECKS if each.id == check_id)
        before = GlobalState.capture()
        verdict = judge(check, Subject(record=record))
        assert verdict.state is State.FAILED
        assert re.search(says, verdict.reason), verdict.reason
        assert "\n" not in verdict.reason
        assert before.differences(GlobalState.capture()) == []

    return run


@pytest.fixture
def passed() -> Callable[..., None]:
    """Assert that a record passes every check of its kind, and that only those which do not apply are skipped."""

    def run(record: Any, *, inapplicable: Collection[str] = ()) -> None:
        subject: Subject[Any] = Subject(record=record)
        verdicts = [judge(check, subject) for check in CHECKS if check.kind == subject.kind]
        bad = [f"{each.check}: {each.state}: {each.reason}" for each in verdicts if each.state is not State.PASSED]
        assert [each.partition(":")[0] for each in bad] == list(inapplicable), bad
        assert all(f": {State.SKIPPED}: " in each for each in bad), bad

    return run
