"""A job runner: runs the jobs that come before the trials, on the machine where the trials will run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from zoo.events import Event


class StoppedError(Exception):
    """The user stopped the bench before any trial ran."""


class JobRunner(Protocol):
    """Probes machines and prepares datasets where the trials will run."""

    emit: Callable[[Event], None]
    """Callable that is given the progress of jobs."""

    def ask(self, kind: str, **values: Any) -> Any:
        """Run a job of a kind of :mod:`harness.bench.jobs` and return its answer.

        Raises:
            ZooError: With the errors that the job reported, or with the reason why there is no answer.
            StoppedError: If the user stopped the bench.
        """
