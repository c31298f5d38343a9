"""Checks as parameters of a pytest function, for the test suites of plugins."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from zoo.errors import UsageError
from zoo.testing.check_errors import NotApplicableError
from zoo.testing.checks import Check, checks_of, require_ids
from zoo.testing.subjects import Record, Subject, subjects_of
from zoo.testing.verdicts import run


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundCheck:
    """A check of a record; call it in a test."""

    check: Check
    subject: Subject[Any]
    expected: str = ""
    """Why it is expected to fail, or ``""``."""

    def __call__(self) -> None:
        """Run the check; skip the test if the check does not apply."""
        import pytest

        try:
            run(self.check, self.subject)
        except NotApplicableError as error:
            pytest.skip(str(error))

    def __str__(self) -> str:
        return f"{self.subject.name}-{self.check.id}"


def parametrize_with_checks(
    what: str | Path | ModuleType | Record | Iterable[Record],
    *,
    expected_failures: Mapping[str, str] | None = None,
    arguments: Mapping[str, str] | None = None,
    only: Collection[str] = (),
    slow: bool = False,
) -> Any:
    """Parametrize a test function with each check of each record, as its parameter ``check``.

    ::

        @parametrize_with_checks("my_plugin", expected_failures={"my_net:channels_last": "it reshapes by strides"})
        def test_conforms(check):
            check()

    Args:
        what: A plugin module or its dotted name, the path of a file, a record, or several of them.
        expected_failures: Why a check is expected to fail, by its ID, or by ``NAME:ID`` for one record. The test fails
            if such a check passes.
        arguments: Arguments for datasets that take one, by name.
        only: IDs of the checks to run; empty: all.
        slow: Whether to run slow checks as well.

    Raises:
        UsageError: If a named check or record does not exist.
        PluginError: If *what* is not a plugin.
    """
    import pytest

    bound = bind(subjects_of(what, arguments=arguments), expected_failures=expected_failures, only=only, slow=slow)
    parameters = [
        pytest.param(
            each,
            id=str(each),
            marks=[pytest.mark.xfail(reason=each.expected, strict=True)] if each.expected else [],
        )
        for each in bound
    ]
    return pytest.mark.parametrize("check", parameters)


def bind(
    subjects: Collection[Subject[Any]],
    *,
    expected_failures: Mapping[str, str] | None = None,
    only: Collection[str] = (),
    slow: bool = False,
) -> Iterator[BoundCheck]:
    """Return each check of each subject; arguments and errors are those of :func:`parametrize_with_checks`."""
    expected = dict(expected_failures or {})
    require_expectations(expected)
    require_ids(only)
    names = {subject.record.name for subject in subjects}
    strangers = [key for key in expected if ":" in key and key.rpartition(":")[0] not in names]
    if strangers:
        raise UsageError(f"failures are expected of unknown records: {', '.join(strangers)}")
    return (
        BoundCheck(check=check, subject=subject, expected=expectation(expected, subject.record.name, check.id))
        for subject in subjects
        for check in checks_of(subject.kind, only=only, slow=slow)
    )


def require_expectations(expected: Mapping[str, str]) -> None:
    """Raise an error for expected failures of unknown checks, or without a reason.

    Raises:
        UsageError: With all of them.
    """
    require_ids(key.rpartition(":")[2] for key in expected)
    bare = [key for key, reason in expected.items() if not reason.strip()]
    if bare:
        raise UsageError(f"an expected failure needs a reason: {', '.join(bare)}")


def expectation(expected: Mapping[str, str], name: str, check_id: str) -> str:
    """Return why a check of a record is expected to fail, or ``""``."""
    return expected.get(f"{name}:{check_id}", expected.get(check_id, ""))
