"""Admission: limits the number of concurrent requests and the bytes they hold. Use in the event loop's thread only.

A request whose body is slow to arrive keeps its place only while nobody needs it: where there is no room, the request
that has been waiting longest for its own body is refused, so that stalled clients cannot keep others out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from harness.serving.limits import Limits, Refusal


class Ticket:
    """The place of one request, and the bytes that it holds."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.held = 0
        self.is_admitted = True
        self.clock: asyncio.Timeout | None = None
        """Ends the receiving of its body; None if nothing is being received."""
        self.since = 0.0

    def hold(self, num_bytes: int) -> None:
        """Hold *num_bytes* more.

        Raises:
            Refusal: If all requests together would exceed the limit (503).
        """
        admission = self._admission
        while admission.held_bytes + num_bytes > admission.limits.held_bytes:
            if not admission.make_room(self):
                raise Refusal(503, "the server holds too much image data; try again", retry_after=1)
        admission.held_bytes += num_bytes
        self.held += num_bytes

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[None]:
        """Receive the body in this block, which ends early if others need the place of this request.

        Raises:
            Refusal: If they do (408).
        """
        try:
            async with asyncio.timeout(None) as self.clock:
                self.since = asyncio.get_running_loop().time()
                yield
        except TimeoutError:
            raise Refusal(
                408, "the request was too slow to arrive while others were waiting; try again", retry_after=1
            ) from None
        finally:
            self.clock = None


class Admission:
    """Counts concurrent requests and the bytes they hold."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.num_requests = 0
        self.held_bytes = 0
        self._tickets: dict[Ticket, None] = {}

    @contextmanager
    def request(self) -> Iterator[Ticket]:
        """Admit a request until the end of the block.

        Raises:
            Refusal: If there are too many already (503).
        """
        if self.num_requests >= self.limits.requests and not self.make_room(None):
            raise Refusal(503, f"{self.num_requests} requests are being processed already; try again", retry_after=1)
        self.num_requests += 1
        ticket = Ticket(self)
        self._tickets[ticket] = None
        try:
            yield ticket
        finally:
            self._release(ticket)

    def make_room(self, ticket: Ticket | None) -> bool:
        """Refuse the request that has been receiving its body longest, and return whether there was one.

        Args:
            ticket: The request that needs room, which is not refused itself.
        """
        for each in self._tickets:  # in the order of their arrival
            clock = each.clock
            if each is ticket or clock is None:
                continue
            now = asyncio.get_running_loop().time()
            if now - each.since < self.limits.patient_seconds:
                continue
            each.clock = None
            clock.reschedule(now)
            self._release(each)
            return True
        return False

    def _release(self, ticket: Ticket) -> None:
        if ticket.is_admitted:
            ticket.is_admitted = False
            self.num_requests -= 1
            del self._tickets[ticket]
        self.held_bytes -= ticket.held
        ticket.held = 0
