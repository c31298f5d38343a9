"""Network access: how checks keep plugins from downloading."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from unittest import mock


def _refuse(*arguments: Any, **options: Any) -> NoReturn:
    raise ConnectionRefusedError("the conformance kit downloads nothing")


@contextmanager
def without_network() -> Iterator[None]:
    """Refuse every connection of this process to another machine that Python's sockets would open."""
    with (
        mock.patch.object(socket.socket, "connect", _refuse),
        mock.patch.object(socket.socket, "connect_ex", _refuse),
        mock.patch.object(socket, "getaddrinfo", _refuse),
    ):
        yield
