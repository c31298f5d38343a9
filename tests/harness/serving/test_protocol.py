"""Connections: idle, slow and malformed ones are closed, on real sockets."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import httpx
import pytest

from harness.serving.limits import Limits

from .serving_toys import FAST, SOON, form, picture, rest_of

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")


def test_a_connection_that_never_asks_is_closed_also_if_it_trickles(running: Any) -> None:
    server = running(FAST)

    def ask() -> None:
        silent, trickling = server.connect(), server.connect()
        began = time.monotonic()
        trickling.sendall(b"GET /health HTTP/1.1\r\n")
        trickling.settimeout(0.05)
        while time.monotonic() - began < SOON:
            try:
                trickling.sendall(b"X: y\r\n")
                if not trickling.recv(1):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert 0.9 < time.monotonic() - began < SOON
        assert rest_of(silent) == b""
        assert server.is_well()

    server.during(ask)


def test_a_slow_body_is_408_and_the_rest_of_it_is_not_waited_for(running: Any) -> None:
    server = running(FAST)

    def ask() -> None:
        connection = server.connect()
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        )
        assert rest_of(connection).startswith(b"HTTP/1.1 408 ")
        assert server.is_well()

    server.during(ask)


def test_a_client_that_goes_on_after_a_refusal_is_cut_off(running: Any) -> None:
    server = running(FAST)

    def ask() -> None:
        connection = server.connect()
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 415 ")
        began = time.monotonic()

        def go_on() -> None:
            while time.monotonic() - began < SOON:
                connection.sendall(b"5\r\nhello\r\n")
                time.sleep(0.01)

        with pytest.raises(ConnectionError):
            go_on()
        assert server.is_well()

    server.during(ask)


def test_nonsense_is_400_in_one_sentence(running: Any) -> None:
    server = running()

    def ask() -> None:
        for text in (b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"GET /" + b"x" * 100_000):
            connection = server.connect()
            connection.sendall(text)
            head, _, body = rest_of(connection).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 ")
            assert json.loads(body) == {"detail": "this is not an HTTP request"}
        assert server.is_well()

    server.during(ask)


def test_too_many_connections_are_rejected_until_one_is_free(running: Any) -> None:
    server = running(Limits(connections=8, idle_seconds=3.0))

    def ask() -> None:
        idle = [server.connect() for _ in range(8)]
        time.sleep(0.1)
        late = server.connect()
        assert rest_of(late).startswith(b"HTTP/1.1 503 ")
        assert [rest_of(each) for each in idle] == [b""] * 8
        assert server.is_well()

    server.during(ask)


def test_many_requests_go_through_one_connection(running: Any) -> None:
    server = running()

    def ask() -> None:
        with httpx.Client(base_url=server.url) as client:
            for _ in range(20):
                assert client.post("/predict", files=form(picture(), picture("blue"))).status_code == 200

    server.during(ask)


def test_stalled_clients_on_all_connections_do_not_keep_others_out(running: Any) -> None:
    server = running(Limits(connections=8, requests=8, patient_seconds=0.5))

    def ask() -> None:
        head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nx"
        stalled = [server.connect() for _ in range(8)]
        for each in stalled[:4]:
            each.sendall(head)
        for each in stalled[4:]:
            each.sendall(b"GET /health HTTP/1.1\r\n")
        time.sleep(1.0)
        began = time.monotonic()
        with httpx.Client(base_url=server.url) as client:
            assert client.post("/predict", files=form(picture())).status_code == 200
        assert time.monotonic() - began < SOON

    server.during(ask)


@pytest.mark.parametrize("line", [b"a:\r\n", b"a:\n", b"x-long: " + b"y" * 1000 + b"\r\n"])
def test_headers_beyond_any_measure_are_431_whole_or_in_parts(running: Any, line: bytes) -> None:
    server = running()

    def ask() -> None:
        for count in (20_000, 2_000):
            connection = server.connect()
            request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + line * count + b"\r\n"
            began = time.monotonic()
            try:
                connection.sendall(request)
                answer = rest_of(connection)
            except ConnectionError:
                answer = b""  # it was refused before all of it was sent
            assert answer == b"" or answer.split(b" ")[1] in (b"400", b"431"), answer[:60]
            assert time.monotonic() - began < SOON
        assert server.is_well()

    server.during(ask)


def test_a_body_of_two_lengths_is_refused_and_the_connection_is_closed(running: Any) -> None:
    server = running()

    def ask() -> None:
        connection = server.connect()
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        answer = rest_of(connection)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1 ") == 1, "what follows is not taken for a request"
        assert server.is_well()

    server.during(ask)
