"""A job runner: runs the jobs that come before the trials, on the machine where the trials will run."""

from __future__ import annotations

import time
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
        """Run a job of a kind of :mod:`harness.bench.processes.jobs` and return its answer.

        Raises:
            ZooError: With the errors that the job reported, or with the reason why there is no answer.
            StoppedError: If the user stopped the bench.
        """


class TimedJobRunner:
    """Runs jobs on another runner, and adds up how long their answers took."""

    def __init__(self, runner: JobRunner) -> None:
        self._runner = runner
        self.emit = runner.emit
        self.seconds: dict[str, float] = {}
        """Seconds that jobs took so far, by kind of job."""

    def ask(self, kind: str, **values: Any) -> Any:
        """Run one job and return its answer; see :meth:`JobRunner.ask`."""
        began = time.monotonic()
        try:
            return self._runner.ask(kind, **values)
        finally:
            self.seconds[kind] = self.seconds.get(kind, 0.0) + time.monotonic() - began
