"""The executor ``ray`` without Ray: what can be asked of it, and the bench's end of its connection."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.executors._frames import Channel
from plugins.executors.ray_cluster import LOG, RayWorkers, check_settings, environment, open_cluster, zoo_executors
from zoo.errors import PluginError, UsageError
from zoo.executor import Node, Task, TaskEnded, TaskMessage, TaskStarted

(EXECUTOR,) = zoo_executors()
TASK = Task(task_id="t", function="m:f", payload={"a": [1]}, files={"x": b"\0x", "y": b""}, cpus=2, node="n2")


def options(**given: Any) -> dict[str, Any]:
    return {**EXECUTOR.options, **given}


@pytest.mark.parametrize("address", ["", "auto", "head:6379", "10.0.0.1:6379", "[::1]:6379"])
def test_addresses_are_taken(address: str) -> None:
    assert check_settings(options(address=f" {address} "))["address"] == address


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "head:port", "head:99999", "ray://head:10001"])
def test_other_addresses_are_refused_in_one_sentence(address: str) -> None:
    with pytest.raises(UsageError, match=r"^option 'address' of executor 'ray'.*HOST:PORT[^\n]*$"):
        check_settings(options(address=address))


@pytest.mark.parametrize(
    "given",
    [{"cpus": 0}, {"cpus": "many"}, {"gpus": -1}, {"cpus": True}, {"start_timeout": 0.0}, {"node_timeout": -1.0}],
)
def test_numbers_that_cannot_be_meant_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(given))):
        check_settings(options(**given))


def test_resources_of_an_existing_cluster_cannot_be_set() -> None:
    with pytest.raises(UsageError, match=r"'cpus'.*only for a cluster of its own"):
        check_settings(options(address="head:6379", cpus=2))


def test_a_missing_library_is_reported_with_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PluginError, match=r"pip install 'zoobench\[ray\]'"), open_cluster(options()):
        pass


def test_an_unreachable_address_is_reported_immediately(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with (
            pytest.raises(PluginError, match=f"no Ray cluster answers at {address}"),
            open_cluster(options(address=address)),
        ):
            pass


def test_usage_statistics_are_off_by_default() -> None:
    assert environment("", {})["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment("h:1", {})["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment("h:1", {"RAY_USAGE_STATS_ENABLED": "1"})["RAY_USAGE_STATS_ENABLED"] == "1"


def test_a_started_cluster_has_its_own_token() -> None:
    given = {"RAY_AUTH_TOKEN": "mine", "RAY_AUTH_TOKEN_PATH": "/x", "RAY_ADDRESS": "h:1", "RAY_AUTH_MODE": "disabled"}
    first, second = environment("", given), environment("", given)
    assert first["RAY_AUTH_MODE"] == "token"
    assert len({first["RAY_AUTH_TOKEN"], second["RAY_AUTH_TOKEN"], "mine"}) == 3
    assert "RAY_ADDRESS" not in first
    assert "RAY_AUTH_TOKEN_PATH" not in first


def test_a_token_that_is_given_is_used() -> None:
    assert environment("h:1", {"RAY_AUTH_TOKEN": "mine"})["RAY_AUTH_MODE"] == "token"
    assert environment("h:1", {"RAY_AUTH_TOKEN": "mine", "RAY_AUTH_MODE": "disabled"})["RAY_AUTH_MODE"] == "disabled"
    assert "RAY_AUTH_MODE" not in environment("h:1", {})


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[RayWorkers, Channel]]:
    ours, theirs = socket.socketpair()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    (tmp_path / LOG).write_text("started\nthe raylet has died\n\n")
    workers, other = RayWorkers(Channel(ours), process, tmp_path), Channel(theirs)
    yield workers, other
    process.kill()
    process.communicate()
    other.close()
    workers.close()


def say(other: Channel, kind: str, *contents: bytes, **what: Any) -> None:
    other.send({"is": kind, **what}, *contents)


def ended(**what: Any) -> dict[str, Any]:
    return {"task_id": "t", "problem": "", "lost": False, "node": "n1", "log": False, **what}


def test_a_task_is_handed_over_whole(ends: tuple[RayWorkers, Channel]) -> None:
    workers, other = ends
    workers.submit(TASK)
    frame = other.receive(1)
    assert frame is not None
    asked, contents = frame
    assert dict(zip(asked["files"], contents, strict=True)) == TASK.files
    assert {name: asked[name] for name in ("do", "task_id", "function", "payload", "cpus", "gpus", "node")} == {
        **{"do": "submit", "task_id": "t", "function": "m:f", "payload": {"a": [1]}},
        **{"cpus": 2, "gpus": 0, "node": "n2"},
    }


def test_events_are_reported_in_chronological_order(ends: tuple[RayWorkers, Channel]) -> None:
    workers, other = ends
    workers.submit(TASK)
    say(other, "nodes", nodes=[{"name": "n1", "cpus": 4, "gpus": 0}])
    say(other, "started", task_id="t", node="n1")
    say(other, "message", json.dumps({"b": 2}).encode(), b"\1\2", task_id="t")
    say(other, "ended", **ended())
    events: list[Any] = []
    while len(events) < 3:
        events += workers.poll(1)
    assert events == [
        TaskStarted(task_id="t", node="n1"),
        TaskMessage(task_id="t", message={"b": 2}, content=b"\1\2"),
        TaskEnded(task_id="t", node="n1"),
    ]
    assert workers.nodes() == (Node(name="n1", cpus=4),)


def test_waiting_for_events_ends_in_time_even_if_there_are_only_node_events(ends: tuple[RayWorkers, Channel]) -> None:
    workers, other = ends
    began = time.monotonic()
    say(other, "nodes", nodes=[])
    assert workers.poll(0.2) == []
    assert 0.15 < time.monotonic() - began < 5


def test_no_events_follow_the_end_of_a_task(ends: tuple[RayWorkers, Channel]) -> None:
    workers, other = ends
    workers.submit(TASK)
    say(other, "ended", **ended())
    say(other, "message", b"{}", b"", task_id="t")
    say(other, "ended", **ended())
    assert [type(event) for event in [*workers.poll(0.2), *workers.poll(0.2)]] == [TaskEnded]


@pytest.mark.parametrize("how", ["closed", "refused"])
def test_losing_the_connection_loses_all_tasks_and_further_calls_fail(
    ends: tuple[RayWorkers, Channel], how: str
) -> None:
    workers, other = ends
    workers.submit(TASK)
    say(other, "started", task_id="t", node="n1")
    if how == "refused":
        say(other, "refused", problem="the Ray cluster is gone (the raylet has died)")
    other.close()
    events: list[Any] = []
    while not any(isinstance(event, TaskEnded) for event in events):
        events += workers.poll(1)
    assert events[-1].lost
    assert events[-1].node == "n1"
    assert "Ray cluster" in events[-1].problem
    assert "the raylet has died" in events[-1].problem
    assert "\n" not in events[-1].problem
    assert workers.nodes() == ()
    workers.stop("t")
    workers.kill("t")
    for ask in (lambda: workers.poll(0), lambda: workers.submit(TASK)):
        with pytest.raises(PluginError, match="Ray cluster"):
            ask()


def test_an_unresponsive_cluster_is_given_up(ends: tuple[RayWorkers, Channel], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.executors.ray_cluster.SILENT_SECONDS", 0.2)
    workers, other = ends
    workers.submit(TASK)
    time.sleep(0.3)
    say(other, "alive")  # it was not silent: nobody listened
    assert workers.poll(0.05) == []
    time.sleep(0.3)
    (event,) = workers.poll(0.05)
    assert event == TaskEnded(task_id="t", problem="the Ray cluster is gone: it no longer answers", lost=True)


def test_a_large_content_ends_a_poll_so_that_it_can_be_written_before_the_next(
    ends: tuple[RayWorkers, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.executors.ray_cluster._MOST_BYTES", 1000)
    workers, other = ends
    workers.submit(TASK)
    for _ in range(4):
        say(other, "message", b"{}", bytes(600), task_id="t")
    assert [len(workers.poll(1)) for _ in range(2)] == [2, 2]
