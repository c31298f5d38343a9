"""Errors of the harness, all of which become the outcome of a trial."""

from __future__ import annotations

from harness.records.record import FailureKind
from zoo.errors import ZooError


class TrialError(ZooError):
    """A trial cannot go on, for a reason that has a kind."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        self.kind = kind
        super().__init__(message)
