"""Connections: one without a request being processed is closed after a while, even if bytes keep trickling in.

uvicorn by itself waits forever for the headers of a first request, for the rest of a body that is no longer needed,
and for clients that do not read their responses.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from harness.serving.limits import Limits

_HEAD_END = re.compile(rb"\n\r?\n")
_BUSY_BODY = b'{"detail": "too many connections at once; try again"}'
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_BUSY_BODY), _BUSY_BODY)
)


def patient_protocol(limits: Limits) -> type[H11Protocol]:
    """Return uvicorn's HTTP protocol with limits on connections."""

    class PatientProtocol(H11Protocol):
        """A connection that is closed when idle."""

        _deadline: asyncio.TimerHandle | None = None
        _since = 0.0
        """When the connection was made, or its last response was complete."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)  # type: ignore[arg-type]  # always a socket transport, which can be written to
            self._since = self.loop.time()
            if len(self.connections) > limits.connections and not self._make_room():
                self.transport.write(_BUSY)
                self.transport.close()
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            # The parser limits headers that are not complete; these may be complete, and as many as fit in a packet.
            is_head = self.conn.their_state is h11.IDLE and len(data) > limits.head_bytes
            if is_head and b"\n" in data[: limits.head_bytes] and not _HEAD_END.search(data, 0, limits.head_bytes):
                self._refuse(431, b"the headers of the request are too large")
                return
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._since = self.loop.time()
            self._watch()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._watch()

        def resume_writing(self) -> None:
            super().resume_writing()
            self._forget()
            self._watch()

        def send_400_response(self, msg: str) -> None:
            self._refuse(400, b"this is not an HTTP request")

        def _refuse(self, status: int, sentence: bytes) -> None:
            if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
                self.transport.close()  # too late for a response
                return
            body = b'{"detail": "%s"}' % sentence
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            events: list[Any] = [
                h11.Response(status_code=status, headers=headers),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ]
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

        def _make_room(self) -> bool:
            """Close the connection that has been waiting longest for its client, and return whether there was one."""
            others = [each for each in self.connections if isinstance(each, PatientProtocol) and each is not self]
            waiting = [each for each in others if each.is_waiting()]
            if waiting:
                min(waiting, key=lambda each: each._since).transport.abort()
            return bool(waiting)

        def is_waiting(self) -> bool:
            """Return whether the client has had time to send a request, and has not sent all of it."""
            cycle: RequestResponseCycle | None = self.cycle
            is_receiving = cycle is None or cycle.response_complete or cycle.more_body
            return is_receiving and self.loop.time() - self._since >= limits.patient_seconds

        def _watch(self) -> None:
            cycle: RequestResponseCycle | None = self.cycle  # the latest request, if any
            is_answering = cycle is not None and not cycle.response_complete
            if is_answering and not self.flow.write_paused:
                self._forget()
            elif self._deadline is None:
                self._deadline = self.loop.call_later(limits.idle_seconds, self.transport.abort)

        def _forget(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return PatientProtocol
