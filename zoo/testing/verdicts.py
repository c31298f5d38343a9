"""Verdicts: the outcome of a check of a record."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from zoo.errors import ZooError
from zoo.testing.check_errors import CheckFailedError, NotApplicableError
from zoo.testing.checks import Check
from zoo.testing.subjects import Subject

_MAX_REASON = 500


class State(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    EXPECTED_FAILURE = "expected failure"
    UNEXPECTED_PASS = "unexpected pass"

    @property
    def is_good(self) -> bool:
        """Whether there is nothing to fix."""
        return self not in (State.FAILED, State.UNEXPECTED_PASS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The outcome of a check."""

    kind: str
    name: str
    """Name of the record as a user types it."""
    check: str
    """ID of the check."""
    state: State
    reason: str = ""
    """One sentence if the state is not ``passed``."""
    seconds: float = 0.0
    traceback: str = ""
    """Traceback of the failure."""


def judge(check: Check, subject: Subject[Any], *, expected: str = "") -> Verdict:
    """Run a check in this process, and return its verdict.

    Args:
        check: One of the checks of the subject's kind.
        subject: The record under test.
        expected: Why the check is expected to fail, or ``""``; passing is then reported as well.
    """
    start = time.perf_counter()
    try:
        run(check, subject)
        state, reason, trace = State.PASSED, "", ""
    except NotApplicableError as error:
        state, reason, trace = State.SKIPPED, str(error), ""
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise anything, SystemExit included
        state, reason, trace = State.FAILED, sentence(error), traceback.format_exc()
    verdict = Verdict(kind=subject.kind, name=subject.name, check=check.id, state=state, reason=reason, traceback=trace)
    return with_expectation(verdict, expected, seconds=time.perf_counter() - start)


def run(check: Check, subject: Subject[Any]) -> None:
    """Run a check in this process, and restore the global state.

    Raises:
        CheckFailedError: If the record fails the check.
        NotApplicableError: If the check does not apply.
        BaseException: Any other exception of the plugin, which is a failure too.
    """
    from zoo.testing.global_state import restored  # imports torch

    with restored():
        check.function(subject)


def with_expectation(verdict: Verdict, expected: str, *, seconds: float) -> Verdict:
    """Return a verdict adjusted for an expected failure."""
    from dataclasses import replace

    if not expected or verdict.state is State.SKIPPED:
        return replace(verdict, seconds=seconds)
    if verdict.state is State.PASSED:
        reason = f"it passes, but is expected to fail: {expected}"
        return replace(verdict, state=State.UNEXPECTED_PASS, reason=reason, seconds=seconds)
    return replace(verdict, state=State.EXPECTED_FAILURE, reason=f"{expected} ({verdict.reason})", seconds=seconds)


def sentence(error: BaseException) -> str:
    """Return the error as one line."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # a plugin's exception may not be printable
        text = ""
    if isinstance(error, SystemExit):
        text = f"it called sys.exit({error.code!r})"
    elif not isinstance(error, (CheckFailedError, ZooError)):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= _MAX_REASON else text[: _MAX_REASON - 1] + "…"
