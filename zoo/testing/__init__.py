"""The conformance kit: checks that plugin authors run on their own records.

In a test file of a plugin::

    from zoo.testing import parametrize_with_checks

    @parametrize_with_checks("my_plugin")
    def test_conforms(check):
        check()

and on the command line ``zoo check my_plugin.py``.

``checks``         the table of all checks: ID, rationale, function
``kinds``          the checks of each kind of record
``tasks``          tasks that executors run in checks
``subjects``       the records under test, and where they come from
``verdicts``       the outcome of a check
``check_errors``   exceptions that a check raises
``global_state``   settings of the process that plugins must not change
``samples``        sample images and a sample network
``leaderboards``   leaderboards that report formats render in checks
``networks``       how checks build, run and compare networks
``network_access`` how checks keep plugins from downloading
``parametrize``    checks as parameters of a pytest function
``isolation``      checks in separate processes with a time limit
``worker``         the functions that run in these processes

Importing it is cheap: torch is imported when a check runs.
"""

from __future__ import annotations

from zoo.testing.check_errors import CheckFailedError as CheckFailedError
from zoo.testing.check_errors import NotApplicableError as NotApplicableError
from zoo.testing.checks import CHECKS as CHECKS
from zoo.testing.checks import Check as Check
from zoo.testing.parametrize import parametrize_with_checks as parametrize_with_checks
from zoo.testing.subjects import Subject as Subject
from zoo.testing.subjects import subjects_of as subjects_of
from zoo.testing.verdicts import State as State
from zoo.testing.verdicts import Verdict as Verdict
from zoo.testing.verdicts import judge as judge

__all__ = [
    "CHECKS",
    "Check",
    "CheckFailedError",
    "NotApplicableError",
    "State",
    "Subject",
    "Verdict",
    "judge",
    "parametrize_with_checks",
    "subjects_of",
]
