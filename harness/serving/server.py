"""The server process: listening on an address, running uvicorn, and shutting down without losing accepted requests."""

from __future__ import annotations

import ipaddress
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from harness.data.image_files.opening import quiet_pillow
from harness.serving.app import create_app
from harness.serving.limits import Limits
from harness.serving.metrics import Metrics
from harness.serving.protocol import patient_protocol
from harness.serving.served import ServedClassifier
from zoo.errors import UsageError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address; port 0 picks a free port.

    Raises:
        UsageError: If the address does not exist or is in use.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"--host {host}: {error.strerror or error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise UsageError(f"{host}:{port} cannot be listened on: {error.strerror or error}") from error
    return listener


def is_loopback(listener: socket.socket) -> bool:
    """Return whether only this machine can connect."""
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def address_of(listener: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def own_hosts(listener: socket.socket, host: str, allowed: tuple[str, ...]) -> frozenset[str] | None:
    """Return the host names that requests may use; None allows any, as a public address may have any name.

    On loopback, this protects against DNS rebinding.
    """
    if not allowed and not is_loopback(listener):
        return None
    return frozenset(name.lower() for name in ("localhost", "127.0.0.1", "::1", host, *allowed))


def serve(
    served: ServedClassifier,
    listener: socket.socket,
    *,
    limits: Limits,
    metrics: Metrics,
    hosts: frozenset[str] | None,
    token: bytes | None,
    ready: Callable[[], None],
) -> bool:
    """Serve until SIGINT or SIGTERM, then answer the requests that were accepted.

    Args:
        served: The classifier.
        listener: A bound socket.
        limits: Limits on connections.
        metrics: Counts every response.
        hosts: Allowed host names; None allows any.
        token: Required token; None requires none.
        ready: Called once the server accepts connections.

    Returns:
        Whether all accepted requests were answered; False after a second SIGINT, which stops the server at once.
    """
    config = uvicorn.Config(
        create_app(served, metrics=metrics, hosts=hosts, token=token),
        http=patient_protocol(limits),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    server = _Server(config, served, ready)
    # When done, uvicorn raises again the signals that it received; these handlers absorb them.
    before = {number: signal.signal(number, lambda number, frame: None) for number in _SIGNALS}
    try:
        with quiet_pillow():
            server.run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return not server.force_exit


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, served: ServedClassifier, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._served, self._tell_ready = served, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._tell_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._served.is_draining = True
        super().handle_exit(sig, frame)
        if self.force_exit:
            # uvicorn no longer waits for responses, but asyncio still waits for connections.
            for connection in list(self.server_state.connections):
                connection.transport.abort()
