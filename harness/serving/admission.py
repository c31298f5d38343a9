"""Admission: how many requests are under way, and how many bytes they hold. Used in the event loop's thread only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.serving.limits import Limits, Refusal


class Ticket:
    """A request's leave to hold bytes."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.held = 0

    def hold(self, num_bytes: int) -> None:
        """Hold so many bytes more.

        Raises:
            Refusal: If all requests together would hold too many.
        """
        admission = self._admission
        if admission.held_bytes + num_bytes > admission.limits.held_bytes:
            raise Refusal(503, "the server holds as many images as it may; try again", retry_after=1)
        admission.held_bytes += num_bytes
        self.held += num_bytes


class Admission:
    """Counts the requests that are under way."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.num_requests = 0
        self.held_bytes = 0

    @contextmanager
    def request(self) -> Iterator[Ticket]:
        """Let a request in, until the end of the block.

        Raises:
            Refusal: If as many are under way as may be.
        """
        if self.num_requests >= self.limits.requests:
            raise Refusal(503, f"{self.num_requests} requests are under way already; try again", retry_after=1)
        self.num_requests += 1
        ticket = Ticket(self)
        try:
            yield ticket
        finally:
            self.num_requests -= 1
            self.held_bytes -= ticket.held
