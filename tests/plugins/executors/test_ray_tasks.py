"""Tasks on a cluster, with an imitated Ray: placed where there is room, and reported to the bench to their end."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import zoo
from plugins.executors import _ray_tasks
from plugins.executors._ray_tasks import Refused, Tasks

STARTED = json.dumps({"is": "started", "node": "id-1", "name": "n1", "log": ""}).encode()
ENDED = json.dumps({"is": "ended", "problem": "", "lost": False}).encode()
Steps = Callable[[Tasks], Awaitable[None]]


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The imitation, as the module ``ray``, with nothing in it from other tests."""
    monkeypatch.setitem(sys.modules, "ray.util.scheduling_strategies", ModuleType("replaced"))  # and restored
    found = importlib.util.spec_from_file_location("ray", Path(__file__).with_name("imitated_ray.py"))
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    monkeypatch.setitem(sys.modules, "ray", module)
    found.loader.exec_module(module)
    return module


class Bench:
    """Keeps what the bench is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []

    def send(self, head: dict[str, Any], *contents: bytes) -> None:
        self.sent.append((head, list(contents)))

    def heads(self, *kinds: str) -> list[dict[str, Any]]:
        return [head for head, _ in self.sent if head["is"] in kinds]

    async def wait_for(self, kind: str, count: int = 1) -> None:
        async with asyncio.timeout(20):
            while len(self.heads(kind)) < count:
                await asyncio.sleep(0.005)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def run(ray: ModuleType, bench: Bench) -> Callable[..., None]:
    """Start tasks, take some steps with them, and end."""

    def run(steps: Steps, *, node_timeout: float = 300.0) -> None:
        async def main() -> None:
            tasks = Tasks(bench, home="id-1", node_timeout=node_timeout)  # type: ignore[arg-type]
            await tasks.start(20.0)
            await steps(tasks)

        asyncio.run(main())

    return run


def submit(tasks: Tasks, task_id: str, *, cpus: float = 1, gpus: float = 0) -> None:
    asked = {"do": "submit", "task_id": task_id, "function": "m:f", "payload": {}, "files": []}
    tasks.obey({**asked, "cpus": cpus, "gpus": gpus, "node": ""}, [])


def test_the_bench_gets_to_know_the_nodes_before_it_begins(
    run: Callable[..., None], ray: ModuleType, bench: Bench
) -> None:
    ray.NODES += [
        {"NodeID": "id-2", "NodeName": "n2", "Alive": False, "Resources": {"CPU": 8.0}},
        {"NodeID": "id-3", "NodeName": "n3", "Alive": True, "Resources": {}},
    ]

    async def nothing(tasks: Tasks) -> None:
        pass

    run(nothing)
    assert [head for head, _ in bench.sent] == [
        {"is": "nodes", "nodes": [{"name": "n1", "cpus": 2.0, "gpus": 0.0}]},
        {"is": "ready"},
    ]


def test_nodes_with_the_same_name_are_distinguished_by_their_ids(
    run: Callable[..., None], ray: ModuleType, bench: Bench
) -> None:
    ray.NODES.append({"NodeID": "another", "NodeName": "n1", "Alive": True, "Resources": {"GPU": 1.0}})

    async def both(tasks: Tasks) -> None:
        while len(bench.heads("nodes")[-1]["nodes"]) < 2:
            await asyncio.sleep(0.005)

    run(both)
    assert [node["name"] for node in bench.heads("nodes")[-1]["nodes"]] == ["n1-id-1", "n1-anothe"]


def test_a_node_with_another_version_is_refused_at_once(run: Callable[..., None], ray: ModuleType) -> None:
    ray.VERSION.append("99")
    with pytest.raises(Refused, match=rf"node n1 has zoobench 99\b.*\b{re.escape(zoo.__version__)}"):
        run(None)


def test_a_cluster_without_a_usable_node_is_refused_in_time(ray: ModuleType, bench: Bench) -> None:
    ray.NODES[0]["Resources"] = {}
    tasks = Tasks(bench, home="id-1", node_timeout=1.0)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="none has CPUs"):
        asyncio.run(tasks.start(-1.0))


def test_a_task_is_followed_from_its_start_to_its_end(run: Callable[..., None], ray: ModuleType, bench: Bench) -> None:
    small = json.dumps({"is": "message", "apart": False, "message": '{"a": 1}'}).encode() + b"\nsome\nbytes"
    large = json.dumps({"is": "message", "apart": True, "message": "{}"}).encode()
    ray.OUTPUTS["t"] = [STARTED, small, large, b"by itself", ENDED]

    async def steps(tasks: Tasks) -> None:
        submit(tasks, "t")
        await bench.wait_for("ended")

    run(steps)
    assert bench.sent[2:] == [
        ({"is": "started", "task_id": "t", "node": "n1"}, []),
        ({"is": "message", "task_id": "t"}, [b'{"a": 1}', b"some\nbytes"]),
        ({"is": "message", "task_id": "t"}, [b"{}", b"by itself"]),
        ({"is": "ended", "task_id": "t", "problem": "", "lost": False, "node": "n1", "log": False}, []),
    ]


def test_ray_is_given_only_tasks_that_fit(run: Callable[..., None], ray: ModuleType, bench: Bench) -> None:
    ray.OUTPUTS["a"] = ray.OUTPUTS["c"] = [STARTED, ENDED]

    async def steps(tasks: Tasks) -> None:
        for name in "abc":
            submit(tasks, name)
        assert ray.SUBMITTED == ["zoo a", "zoo b"]  # of two CPUs
        await bench.wait_for("ended", 2)
        assert ray.SUBMITTED == ["zoo a", "zoo b", "zoo c"]
        tasks.abandon()

    run(steps)
    assert [head["task_id"] for head in bench.heads("ended")][:2] == ["a", "c"]
    assert ("cancel", True) in ray.CALLS


def test_a_task_that_waits_is_stopped_before_it_starts(run: Callable[..., None], ray: ModuleType, bench: Bench) -> None:
    async def steps(tasks: Tasks) -> None:
        submit(tasks, "running", cpus=2)
        submit(tasks, "waiting")
        tasks.obey({"do": "stop", "task_id": "waiting"}, [])
        await bench.wait_for("ended")
        tasks.abandon()

    run(steps)
    ended = bench.heads("ended")[0]  # the other may still be seen to end
    assert (ended["task_id"], ended["problem"]) == ("waiting", "it was stopped before it started")
    assert not ended["lost"]
    assert ray.SUBMITTED == ["zoo running"]


def test_a_running_task_is_asked_to_stop_and_can_be_ended_at_once(
    run: Callable[..., None], ray: ModuleType, bench: Bench
) -> None:
    ray.OUTPUTS["t"] = [STARTED]

    async def steps(tasks: Tasks) -> None:
        submit(tasks, "t")
        await bench.wait_for("started")
        tasks.obey({"do": "stop", "task_id": "t"}, [])
        assert ray.CALLS == [("stop", 1)]
        tasks.obey({"do": "kill", "task_id": "t"}, [])
        await bench.wait_for("ended")
        tasks.obey({"do": "kill", "task_id": "t"}, [])  # it is over

    run(steps)
    (ended,) = bench.heads("ended")
    assert (ended["problem"], ended["lost"], ended["log"]) == ("it was ended at once", False, False)
    assert ray.CALLS == [("stop", 1), ("cancel", True), ("forget", 1)]


def test_a_lost_process_is_reported_with_what_it_printed_last(
    run: Callable[..., None], ray: ModuleType, bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "log").write_text("before\nout of luck\n")
    lost = type("WorkerCrashedError", (Exception,), {})
    ray.OUTPUTS["t"] = [json.dumps({**json.loads(STARTED), "log": str(tmp_path / "log")}).encode(), lost("dead")]

    async def steps(tasks: Tasks) -> None:
        submit(tasks, "t")
        await bench.wait_for("ended")

    run(steps)
    (ended,) = bench.heads("ended")
    assert ended["lost"]
    assert ended["log"]
    assert "its process on node n1 ended unexpectedly; it last printed 'out of luck'" in ended["problem"]


def test_a_task_that_fits_no_node_is_given_up_in_time(
    run: Callable[..., None], bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ray_tasks, "LOOK_SECONDS", 0.01)

    async def steps(tasks: Tasks) -> None:
        submit(tasks, "large", cpus=8, gpus=1)
        watch = asyncio.create_task(tasks.watch())
        await bench.wait_for("ended")
        watch.cancel()

    run(steps, node_timeout=0.05)
    (ended,) = bench.heads("ended")
    assert ended["lost"]
    assert ended["problem"] == "no node of the Ray cluster has 8 CPUs and 1 GPU (there is n1: 2 CPUs)"


def test_tasks_on_a_node_that_is_gone_are_lost(
    run: Callable[..., None], ray: ModuleType, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ray_tasks, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(_ray_tasks, "GONE_SECONDS", 0.01)
    ray.OUTPUTS["t"] = [STARTED]

    async def steps(tasks: Tasks) -> None:
        submit(tasks, "t")
        await bench.wait_for("started")
        ray.NODES[0]["Alive"] = False
        watch = asyncio.create_task(tasks.watch())
        await bench.wait_for("ended")
        watch.cancel()

    run(steps)
    (ended,) = bench.heads("ended")
    assert ended["lost"]
    assert ended["problem"] == "node n1 is gone or out of reach"
    assert bench.heads("nodes")[-1]["nodes"] == []


def test_the_watch_ends_with_the_cluster(
    run: Callable[..., None], ray: ModuleType, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ray_tasks, "LOOK_SECONDS", 0.01)

    async def steps(tasks: Tasks) -> None:
        watch = asyncio.create_task(tasks.watch())
        await bench.wait_for("alive")
        ray.NODES.clear()
        await watch

    with pytest.raises(Refused, match=r"the Ray cluster is gone \(the head is gone\)"):
        run(steps)
