"""Exceptions of checks: a record fails, or a check does not apply."""

from __future__ import annotations


class CheckFailedError(AssertionError):
    """A record fails a check; the message is one sentence."""


class NotApplicableError(Exception):
    """A check does not apply to a record; the message says why."""
