"""Errors that end a trial and become its outcome."""

from __future__ import annotations

from harness.records.record import FailureKind
from zoo.errors import ZooError


class TrialError(ZooError):
    """A trial cannot continue; *kind* says why."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        self.kind = kind
        super().__init__(message)
