"""A server on real sockets: connections that say nothing, nonsense or too much, and stopping by signal."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.classifiers.predicting import Predictor
from harness.serving.limits import Limits
from harness.serving.metrics import Metrics
from harness.serving.served import ServedClassifier
from harness.serving.server import address_of, is_loopback, listen, own_hosts, serve
from zoo.errors import UsageError

from .serving_toys import SOON, colour_classifier, form, picture

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
FAST = Limits(idle_seconds=1.0, body_seconds=1.0)
"""For those who are to be cut off; all others have the time that a busy machine takes."""


class Running:
    """A server in this process's main thread, for signals come there; what asks it is in another."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        trained = colour_classifier()
        self.model: Any = trained.model
        self.served = ServedClassifier(
            Predictor(trained, device="cpu", batch_size=4),
            limits=limits,
            metrics=Metrics(),
            max_batch=4,
            max_wait_ms=0,
            report=lambda sentence: None,
        )
        self.listener = listen("127.0.0.1", 0)
        self.port = self.listener.getsockname()[1]
        self.url = address_of(self.listener)
        self.stopped_cleanly: bool | None = None
        self._is_stopping = False
        self._connections: list[socket.socket] = []
        self._ready = threading.Event()
        self._failure: BaseException | None = None

    def during(self, ask: Callable[[], None]) -> None:
        """Serve while *ask* runs in a thread, then stop."""

        def client() -> None:
            try:
                assert self._ready.wait(SOON)
                ask()
            except BaseException as error:
                self._failure = error
            finally:
                for connection in self._connections:
                    connection.close()
                if not self._is_stopping:
                    self.stop()

        thread = threading.Thread(target=client)
        thread.start()
        with closing(self.listener), closing(self.served):
            self.stopped_cleanly = serve(
                self.served,
                self.listener,
                limits=self.limits,
                metrics=Metrics(),
                hosts=own_hosts(self.listener, "127.0.0.1", ()),
                token=None,
                ready=self._ready.set,
            )
            self.model.go_on.set()
        thread.join()
        if self._failure:
            raise self._failure

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Send this process a signal; not once more when it was told to stop, for then nobody may catch it."""
        self._is_stopping = True
        os.kill(os.getpid(), number)

    def connect(self) -> socket.socket:
        self._connections.append(socket.create_connection(("127.0.0.1", self.port), timeout=SOON))
        return self._connections[-1]

    def is_well(self) -> bool:
        return httpx.post(f"{self.url}/predict", files=form(picture())).status_code == 200


@pytest.fixture
def running() -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def make(limits: Limits | None = None) -> Running:
        made.append(Running(limits or Limits()))
        return made[-1]

    yield make
    for each in made:
        each.model.go_on.set()
        each.served.close()
        each.listener.close()


def _rest(connection: socket.socket) -> bytes:
    """Read until the server closes the connection, however it does."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


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
        assert [_rest(connection) for connection in connections] == [b""] * 3
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
        assert _rest(silent) == b""
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
        assert _rest(connection).startswith(b"HTTP/1.1 408 ")
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
            head, _, body = _rest(connection).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 ")
            assert json.loads(body) == {"detail": "this is no HTTP request"}
        assert server.is_well()

    server.during(ask)


def test_too_many_connections_are_told_so_and_room_comes_back(running: Any) -> None:
    server = running(Limits(connections=8, idle_seconds=3.0))

    def ask() -> None:
        idle = [server.connect() for _ in range(8)]
        time.sleep(0.1)
        late = server.connect()
        assert _rest(late).startswith(b"HTTP/1.1 503 ")
        assert [_rest(each) for each in idle] == [b""] * 8
        assert server.is_well()

    server.during(ask)


def test_many_requests_go_through_one_connection(running: Any) -> None:
    server = running()

    def ask() -> None:
        with httpx.Client(base_url=server.url) as client:
            for _ in range(20):
                assert client.post("/predict", files=form(picture(), picture("blue"))).status_code == 200

    server.during(ask)


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
