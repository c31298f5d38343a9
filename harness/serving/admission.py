"""Admission: limits the number of concurrent requests and the bytes they hold. Use in the event loop's thread only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.serving.limits import Limits, Refusal


class Ticket:
    """The bytes that one request holds."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.held = 0

    def hold(self, num_bytes: int) -> None:
        """Hold *num_bytes* more.

        Raises:
            Refusal: If all requests together would exceed the limit (503).
        """
        admission = self._admission
        if admission.held_bytes + num_bytes > admission.limits.held_bytes:
            raise Refusal(503, "the server holds too much image data; try again", retry_after=1)
        admission.held_bytes += num_bytes
        self.held += num_bytes


class Admission:
    """Counts concurrent requests and the bytes they hold."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.num_requests = 0
        self.held_bytes = 0

    @contextmanager
    def request(self) -> Iterator[Ticket]:
        """Admit a request until the end of the block.

        Raises:
            Refusal: If there are too many already (503).
        """
        if self.num_requests >= self.limits.requests:
            raise Refusal(503, f"{self.num_requests} requests are being processed already; try again", retry_after=1)
        self.num_requests += 1
        ticket = Ticket(self)
        try:
            yield ticket
        finally:
            self.num_requests -= 1
            self.held_bytes -= ticket.held
