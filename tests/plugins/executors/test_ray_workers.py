"""The bench's end of the connection, with somebody else than Ray at the other."""

from __future__ import annotations

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
from plugins.executors.ray_cluster import LOG, RayWorkers
from zoo.errors import PluginError
from zoo.executor import Node, Task, TaskEnded, TaskMessage, TaskStarted

TASK = Task(task_id="t", function="m:f", payload={"a": [1]}, files={"x": b"\0x", "y": b""}, cpus=2, node="n2")


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


def test_what_happens_is_told_in_its_order(ends: tuple[RayWorkers, Channel]) -> None:
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


def test_waiting_for_news_ends_in_time_also_if_only_nodes_are_told(ends: tuple[RayWorkers, Channel]) -> None:
    workers, other = ends
    began = time.monotonic()
    say(other, "nodes", nodes=[])
    assert workers.poll(0.2) == []
    assert 0.15 < time.monotonic() - began < 5


def test_of_a_task_that_is_over_nothing_more_is_told(ends: tuple[RayWorkers, Channel]) -> None:
    workers, other = ends
    workers.submit(TASK)
    say(other, "ended", **ended())
    say(other, "message", b"{}", b"", task_id="t")
    say(other, "ended", **ended())
    assert [type(event) for event in [*workers.poll(0.2), *workers.poll(0.2)]] == [TaskEnded]


@pytest.mark.parametrize("how", ["closed", "refused"])
def test_all_is_lost_with_the_connection_and_nothing_can_be_asked_for_any_more(
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


def test_a_cluster_of_which_nothing_is_heard_is_given_up(
    ends: tuple[RayWorkers, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
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
