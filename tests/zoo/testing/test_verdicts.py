"""Verdicts: how a check ends, with expected failures taken into account."""

from __future__ import annotations

import pytest

from zoo import Metric
from zoo.testing.check_errors import CheckFailedError, NotApplicableError
from zoo.testing.checks import Check
from zoo.testing.subjects import Subject
from zoo.testing.verdicts import State, judge, sentence

SUBJECT = Subject(record=Metric(name="own", compute=len))


def _check(monkeypatch: pytest.MonkeyPatch, error: BaseException | None) -> Check:
    def function(subject: object) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(Check, "function", property(lambda self: function))
    return Check(kind="metrics", id="known_cases", rationale="a test")


@pytest.mark.parametrize(
    ("error", "expected", "state", "reason"),
    [
        (None, "", State.PASSED, ""),
        (CheckFailedError("too high"), "", State.FAILED, "too high"),
        (NotApplicableError("no cases"), "", State.SKIPPED, "no cases"),
        (SystemExit(3), "", State.FAILED, "it called sys.exit(3)"),
        (ValueError("two\nlines"), "", State.FAILED, "ValueError: two lines"),
        (CheckFailedError("too high"), "known bug", State.EXPECTED_FAILURE, "known bug (too high)"),
        (None, "known bug", State.UNEXPECTED_PASS, "it passes, but is expected to fail: known bug"),
        (NotApplicableError("no cases"), "known bug", State.SKIPPED, "no cases"),
    ],
)
def test_how_a_check_ends(
    monkeypatch: pytest.MonkeyPatch, error: BaseException | None, expected: str, state: State, reason: str
) -> None:
    verdict = judge(_check(monkeypatch, error), SUBJECT, expected=expected)
    assert (verdict.state, verdict.reason, verdict.name) == (state, reason, "own")
    assert verdict.state.is_good is (state not in (State.FAILED, State.UNEXPECTED_PASS))
    assert bool(verdict.traceback) is (error is not None and not isinstance(error, NotApplicableError))


def test_ctrl_c_is_not_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        judge(_check(monkeypatch, KeyboardInterrupt()), SUBJECT)


def test_a_long_reason_is_cut() -> None:
    assert len(sentence(CheckFailedError("x" * 1000))) == 500
