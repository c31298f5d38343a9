"""Exceptions by which a check says that a record fails it, or that it does not apply."""

from __future__ import annotations


class CheckFailedError(AssertionError):
    """A record does not hold to what a check asks for; the message is one sentence."""


class NotApplicableError(Exception):
    """A check has nothing to look at in a record; the message says why."""
