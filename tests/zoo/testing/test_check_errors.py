"""Exceptions of checks: a failure is a failed assertion, so that pytest shows it as one."""

from __future__ import annotations

from zoo.testing.check_errors import CheckFailedError, NotApplicableError


def test_a_failed_check_is_a_failed_assertion_and_one_that_does_not_apply_is_not() -> None:
    assert issubclass(CheckFailedError, AssertionError)
    assert not issubclass(NotApplicableError, AssertionError)
