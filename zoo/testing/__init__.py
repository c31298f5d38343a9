"""The conformance kit: what a plugin's records must hold to, as checks that their author runs before anybody else does.

In a test file of the plugin's::

    from zoo.testing import parametrize_with_checks

    @parametrize_with_checks("my_plugin")
    def test_conforms(check):
        check()

and on the command line ``zoo check my_plugin.py``.

``checks``         the table of all checks: id, rationale, function
``architectures``  checks of networks
``datasets``       checks of datasets
``recipes``        checks of recipes
``metrics``        checks of metrics
``listeners``      checks of listeners
``executors``      checks of executors
``tasks``          what executors are given to run
``subjects``       what is checked: records, and where they are taken from
``verdicts``       what a check said
``check_errors``   how a check says that a record fails it
``global_state``   settings of the process, which no plugin may change
``samples``        the kit's own images and network
``parametrize``    checks as the parameters of a pytest function
``isolation``      each check in a process of its own, with a time limit
``worker``         what such a process does

Importing it costs little: what needs torch is imported when a check runs.
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
