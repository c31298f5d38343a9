"""Verdicts: what a check said of a record."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from zoo.errors import ZooError
from zoo.testing.check_errors import CheckFailedError, NotApplicableError
from zoo.testing.checks import Check
from zoo.testing.global_state import restored
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
        """Whether nothing has to be mended."""
        return self not in (State.FAILED, State.UNEXPECTED_PASS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a check said."""

    kind: str
    name: str
    """Of the record, as a user types it."""
    check: str
    """Id of the check."""
    state: State
    reason: str = ""
    """One sentence, where the state is not ``passed``."""
    seconds: float = 0.0
    traceback: str = ""
    """Where it failed, as Python tells it."""


def judge(check: Check, subject: Subject[Any], *, expected: str = "") -> Verdict:
    """Run a check in this process, and return what it said.

    Args:
        check: One of the checks of the subject's kind.
        subject: What is checked.
        expected: Why the check is known to fail; empty where it is not. One that then passes is told as well.
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
    """Run a check in this process, and put back what of the process's settings a plugin changed.

    Raises:
        CheckFailedError: If the record does not hold to it.
        NotApplicableError: If it has nothing to look at.
        BaseException: Whatever else the plugin raises, which is a failure too.
    """
    with restored():
        check.function(subject)


def with_expectation(verdict: Verdict, expected: str, *, seconds: float) -> Verdict:
    """Return a verdict in the light of why its check is known to fail, if it is."""
    from dataclasses import replace

    if not expected or verdict.state is State.SKIPPED:
        return replace(verdict, seconds=seconds)
    if verdict.state is State.PASSED:
        reason = f"it passes, though a failure is expected: {expected}"
        return replace(verdict, state=State.UNEXPECTED_PASS, reason=reason, seconds=seconds)
    return replace(verdict, state=State.EXPECTED_FAILURE, reason=f"{expected} ({verdict.reason})", seconds=seconds)


def sentence(error: BaseException) -> str:
    """Return what went wrong on one line."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # what a plugin raises need not be printable
        text = ""
    if isinstance(error, SystemExit):
        text = f"it called sys.exit({error.code!r})"
    elif not isinstance(error, (CheckFailedError, ZooError)):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= _MAX_REASON else text[: _MAX_REASON - 1] + "…"
