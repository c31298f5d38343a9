"""The process between the bench and a cluster, with an imitated Ray: it connects, obeys, and ends with the bench."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.executors._frames import Channel

if os.name == "nt":
    pytest.skip("the executor ray needs Linux or macOS", allow_module_level=True)

SETTINGS = {"address": "", "cpus": 2, "gpus": None, "start_timeout": 60.0, "node_timeout": 300.0, "folder": "/f"}
Start = Callable[..., tuple[Channel, subprocess.Popen[str]]]


@pytest.fixture
def start(tmp_path: Path, root: Path) -> Iterator[Start]:
    """Start the process, and return the bench's end of the connection."""
    (tmp_path / "ray").mkdir()
    shutil.copy(Path(__file__).with_name("imitated_ray.py"), tmp_path / "ray" / "__init__.py")
    started: list[tuple[Channel, subprocess.Popen[str]]] = []

    def run(*, fails: str = "", **settings: Any) -> tuple[Channel, subprocess.Popen[str]]:
        ours, theirs = socket.socketpair()
        path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "plugins.executors._ray_driver", str(theirs.fileno())],
                env={**os.environ, "PYTHONPATH": path, "IMITATED_RAY_FAILS": fails},
                pass_fds=[theirs.fileno()],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
            )
        started.append((Channel(ours), process))
        started[-1][0].send({**SETTINGS, **settings})
        return started[-1]

    yield run
    for channel, process in started:
        channel.close()
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[dict[str, Any], str]:
    """Return what Ray was initialised with, and what was printed after it."""
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    first, _, others = out.partition("\n")
    return json.loads(first.removeprefix("init ")), others


def kind_of(channel: Channel) -> str:
    frame = channel.receive(60)
    assert frame is not None
    return str(frame[0]["is"])


def test_a_started_cluster_listens_on_loopback_only_and_is_shut_down_at_the_end(start: Start) -> None:
    channel, process = start()
    assert [kind_of(channel), kind_of(channel)] == ["nodes", "ready"]
    channel.send({"do": "close"})
    options, after = ended(process)
    assert (options["address"], options["num_cpus"], options["num_gpus"]) == ("local", 2, None)
    assert (options["_node_ip_address"], options["_temp_dir"]) == ("127.0.0.1", "/f")
    assert after == "shutdown\n"


def test_a_cluster_that_exists_is_connected_to_by_its_address(start: Start) -> None:
    channel, process = start(address="head:6379")
    assert [kind_of(channel), kind_of(channel)] == ["nodes", "ready"]
    channel.send({"do": "close"})
    options, _ = ended(process)
    assert options["address"] == "head:6379"
    assert not options.keys() & {"num_cpus", "_node_ip_address", "_temp_dir"}


def test_it_ends_with_the_bench(start: Start) -> None:
    channel, process = start()
    assert [kind_of(channel), kind_of(channel)] == ["nodes", "ready"]
    channel.close()
    assert ended(process)[1] == "shutdown\n"


def test_a_task_is_handed_on_to_the_cluster(start: Start) -> None:
    channel, process = start()
    assert [kind_of(channel), kind_of(channel)] == ["nodes", "ready"]
    task = {"task_id": "t", "function": "m:f", "payload": {}, "files": [], "cpus": 1, "gpus": 0, "node": ""}
    channel.send({"do": "submit", **task})
    channel.send({"do": "kill", "task_id": "t"})
    frame = channel.receive(60)
    assert frame is not None
    assert (frame[0]["is"], frame[0]["task_id"]) == ("ended", "t")
    assert frame[0]["problem"] == "it was stopped before it started"
    channel.send({"do": "close"})
    ended(process)


def test_a_cluster_that_cannot_be_reached_is_refused_in_a_sentence(start: Start) -> None:
    channel, process = start(address="auto", fails="Could not find any running Ray instance.")
    frame = channel.receive(60)
    assert frame is not None
    assert frame[0]["is"] == "refused"
    assert "ray start --head" in frame[0]["problem"]
    assert process.wait(60) == 0
