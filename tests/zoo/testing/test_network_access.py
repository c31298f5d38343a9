"""Network access: no check downloads anything."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

import pytest

from zoo.testing.network_access import without_network


def test_no_connection_is_opened_and_the_reason_is_given() -> None:
    with without_network():
        with pytest.raises(urllib.error.URLError, match="the conformance kit downloads nothing"):
            urllib.request.urlopen("https://weights.invalid/", timeout=5)
        with socket.socket() as plain, pytest.raises(ConnectionRefusedError):
            plain.connect(("127.0.0.1", 9))


def test_connections_are_possible_afterwards() -> None:
    with without_network():
        pass
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
