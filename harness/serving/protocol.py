"""Connections: one without a request being processed is closed after a while, even if bytes keep trickling in.

uvicorn by itself waits forever for the headers of a first request, for the rest of a body that is no longer needed,
and for clients that do not read their responses.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from harness.serving.limits import Limits

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

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)  # type: ignore[arg-type]  # always a socket transport, which can be written to
            if len(self.connections) > limits.connections:
                self.transport.write(_BUSY)
                self.transport.close()
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._watch()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._watch()

        def resume_writing(self) -> None:
            super().resume_writing()
            self._forget()
            self._watch()

        def send_400_response(self, msg: str) -> None:
            if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
                self.transport.close()  # too late for a response
                return
            body = b'{"detail": "this is not an HTTP request"}'
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            events: list[Any] = [
                h11.Response(status_code=400, headers=headers),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ]
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

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
