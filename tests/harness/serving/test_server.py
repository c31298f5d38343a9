"""A server on real sockets: addresses, and stopping by signal."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.serving.server import is_loopback, listen, own_hosts
from zoo.errors import UsageError

from .serving_toys import FAST, SOON, form, picture, rest_of

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")


def test_a_signal_stops_it_when_all_that_was_taken_is_answered(running: Any) -> None:
    server, answers = running(), []
    server.model.go_on.clear()

    def ask() -> None:
        def post() -> None:
            answers.append(httpx.post(f"{server.url}/predict", files=form(picture("blue")), timeout=SOON))

        clients = [threading.Thread(target=post) for _ in range(6)]
        for client in clients:
            client.start()
        while server.served.num_held < 6:
            time.sleep(0.005)
        server.stop()
        while not server.served.is_draining:
            time.sleep(0.005)
        time.sleep(0.3)
        assert answers == []
        server.model.go_on.set()
        for client in clients:
            client.join()

    server.during(ask)
    assert server.stopped_cleanly
    assert [answer.json()[0]["predictions"][0]["class"] for answer in answers] == ["blue"] * 6
    with pytest.raises(ConnectionRefusedError):
        server.connect()


def test_a_second_interrupt_ends_it_without_the_answers(running: Any) -> None:
    server = running()
    server.model.go_on.clear()

    def ask() -> None:
        connections = [server.connect() for _ in range(3)]
        body = httpx.Request("POST", server.url, files=form(picture()))
        head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {body.headers['content-type']}\r\n"
        for connection in connections:
            connection.sendall(f"{head}Content-Length: {len(body.read())}\r\n\r\n".encode() + body.read())
        while server.served.num_held < 3:
            time.sleep(0.005)
        server.stop(signal.SIGINT)
        while not server.served.is_draining:
            time.sleep(0.005)
        time.sleep(0.2)
        server.stop(signal.SIGINT)
        assert [rest_of(connection) for connection in connections] == [b""] * 3
        server.model.go_on.set()

    server.during(ask)
    assert server.stopped_cleanly is False


def test_a_client_that_does_not_read_its_answer_does_not_hold_up_the_stop(running: Any) -> None:
    server = running(FAST)

    def ask() -> None:
        connection = server.connect()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ask_for_much = b"GET /assets/page.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2000
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.sendall(100 * ask_for_much)
        server.stop()
        began = time.monotonic()
        while server.stopped_cleanly is None:
            assert time.monotonic() - began < SOON
            time.sleep(0.01)

    server.during(ask)
    assert server.stopped_cleanly


def test_a_head_is_answered_without_a_body(running: Any) -> None:
    server = running()

    def ask() -> None:
        answer = httpx.head(f"{server.url}/health")
        assert (answer.status_code, answer.content) == (200, b"")

    server.during(ask)


def test_signals_are_handled_as_before_when_it_has_stopped(running: Any) -> None:
    before = signal.getsignal(signal.SIGTERM)
    running().during(lambda: None)
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_address_that_is_taken_or_none_is_one_sentence(tmp_path: Path) -> None:
    with closing(listen("127.0.0.1", 0)) as first:
        first.listen()
        with pytest.raises(UsageError, match="cannot be listened on"):
            listen("127.0.0.1", first.getsockname()[1])
    with pytest.raises(UsageError, match="--host 999"):
        listen("999.1.1.1", 0)


def test_names_are_checked_on_loopback_only_unless_some_are_given() -> None:
    with closing(listen("127.0.0.1", 0)) as inside, closing(listen("0.0.0.0", 0)) as outside:
        assert (is_loopback(inside), is_loopback(outside)) == (True, False)
        assert own_hosts(inside, "127.0.0.1", ()) == {"localhost", "127.0.0.1", "::1"}
        assert own_hosts(outside, "0.0.0.0", ()) is None
        assert "zoo.example" in (own_hosts(outside, "0.0.0.0", ("Zoo.Example",)) or ())
