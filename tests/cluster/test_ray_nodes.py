"""The executor ``ray`` on a cluster of several nodes, which fail in all the ways that nodes fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from plugins.executors.ray_cluster import RayWorkers, open_cluster, zoo_executors
from zoo.errors import PluginError
from zoo.executor import Task, TaskEnded, TaskMessage, TaskStarted

pytest.importorskip("ray", reason="the extra zoobench[ray] is not installed")
pytestmark = pytest.mark.slow

(EXECUTOR,) = zoo_executors()
Until = Callable[..., list[Any]]


def task(task_id: str, function: str, *, node: str = "", **payload: Any) -> Task:
    return Task(task_id=task_id, function=f"cluster_functions:{function}", payload=payload, node=node)


def options(nodes: Any, **given: Any) -> dict[str, Any]:
    return {**EXECUTOR.options, "address": nodes.address, **given}


def connect(given: dict[str, Any]) -> None:
    with open_cluster(given):
        pass


@pytest.fixture
def workers(in_cluster: Any) -> Iterator[RayWorkers]:
    with open_cluster(options(in_cluster)) as workers:
        wait_for(workers, {"127.0.0.3", "127.0.0.4"})
        yield workers


def wait_for(workers: RayWorkers, names: set[str], seconds: float = 60) -> None:
    """Wait until these nodes are there, among others."""
    end = time.monotonic() + seconds
    while not names <= {node.name for node in workers.nodes()}:
        assert time.monotonic() < end, f"there is only {workers.nodes()}"
        workers.poll(0.2)


def started(workers: RayWorkers, task_id: str, seconds: float = 60) -> dict[str, Any]:
    """Wait for a task's first message."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for event in workers.poll(0.5):
            if isinstance(event, TaskMessage) and event.task_id == task_id:
                return dict(event.message)
            assert not isinstance(event, TaskEnded), event
    raise AssertionError(f"{task_id} did not start")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(*pids: int, seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while alive := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < end, f"still there: {alive}"
        time.sleep(0.1)


def test_tasks_run_where_they_are_wanted_and_use_both_nodes(workers: RayWorkers, until_over: Until) -> None:
    for number in range(6):
        workers.submit(task(f"t{number}", "echo", node="127.0.0.4" if number == 0 else "", number=number))
    events = until_over(workers, 6)
    assert {event.node for event in events if isinstance(event, TaskStarted)} == {"127.0.0.3", "127.0.0.4"}
    assert next(event.node for event in events if event.task_id == "t0") == "127.0.0.4"
    for number in range(6):
        mine = [event for event in events if event.task_id == f"t{number}"]
        assert [type(event) for event in mine] == [TaskStarted, TaskMessage, TaskEnded]
        assert mine[1].message["payload"] == {"number": number}
        assert mine[1].message["node"] == mine[0].node == mine[2].node
        assert mine[2].problem == ""


def test_a_process_serves_one_task_after_another(workers: RayWorkers, until_over: Until) -> None:
    pids = set()
    for number in range(4):
        workers.submit(task(f"t{number}", "echo", node="127.0.0.3"))
        pids |= {event.message["pid"] for event in until_over(workers) if isinstance(event, TaskMessage)}
    assert len(pids) == 1


def test_a_killed_process_is_a_lost_task_with_its_last_words(workers: RayWorkers, until_over: Until) -> None:
    workers.submit(task("t", "crash", node="127.0.0.3"))
    *_, ended = until_over(workers)
    assert ended.lost
    assert ended.node == "127.0.0.3"
    assert ended.problem.startswith("its process on node 127.0.0.3 ended unexpectedly; it last printed 'the last words")


def test_a_killed_node_is_reported_soon_and_others_continue(
    in_cluster: Any, workers: RayWorkers, until_over: Until
) -> None:
    node = in_cluster.add(5)
    wait_for(workers, {node.name})
    workers.submit(task("lost", "until_stopped", node=node.name))
    workers.submit(task("kept", "count", node="127.0.0.3", to=20, pause=0.5))
    started(workers, "lost")
    killed = time.monotonic()
    node.kill()
    events = until_over(workers)
    assert time.monotonic() - killed < 10
    (ended,) = [event for event in events if isinstance(event, TaskEnded)]
    assert (ended.task_id, ended.lost, ended.node) == ("lost", True, node.name)
    assert node.name in ended.problem
    *_, kept = until_over(workers)
    assert (kept.task_id, kept.problem) == ("kept", "")
    assert node.name not in {each.name for each in workers.nodes()}


def test_a_node_out_of_reach_is_lost_and_ends_its_tasks_when_it_is_back(
    in_cluster: Any, workers: RayWorkers, until_over: Until
) -> None:
    node = in_cluster.add(6)
    wait_for(workers, {node.name})
    workers.submit(task("t", "until_stopped", node=node.name))
    pids = started(workers, "t")
    frozen = time.monotonic()
    node.signal(signal.SIGSTOP)
    try:
        *_, ended = until_over(workers)
        assert time.monotonic() - frozen < 30
        assert ended.lost
        assert node.name in ended.problem
    finally:
        node.signal(signal.SIGCONT)
    # Two at once would be one too many: the bench has given it to another node meanwhile.
    wait_until_gone(pids["pid"], pids["child"], seconds=40)
    node.kill()


def test_the_end_of_the_bench_ends_what_runs_on_the_nodes(in_cluster: Any) -> None:
    with open_cluster(options(in_cluster)) as workers:
        wait_for(workers, {"127.0.0.3"})
        workers.submit(task("t", "until_stopped"))
        pids = started(workers, "t")
    wait_until_gone(pids["pid"], pids["child"])


def test_a_killed_bench_ends_what_runs_on_the_nodes(in_cluster: Any) -> None:
    code = """
        import sys
        from plugins.executors.ray_cluster import open_cluster, zoo_executors
        from zoo.executor import Task, TaskMessage
        (executor,) = zoo_executors()
        with open_cluster({**executor.options, "address": sys.argv[1]}) as workers:
            workers.submit(Task(task_id="t", function="cluster_functions:until_stopped", payload={}))
            while True:
                for event in workers.poll(1):
                    if isinstance(event, TaskMessage):
                        print(event.message["pid"], event.message["child"], workers._process.pid, flush=True)
    """
    bench = subprocess.Popen(
        [sys.executable, "-P", "-c", textwrap.dedent(code), in_cluster.address], stdout=subprocess.PIPE, text=True
    )
    assert bench.stdout is not None
    pids = [int(each) for each in bench.stdout.readline().split()]
    assert all(map(is_alive, pids))
    bench.kill()
    bench.communicate()
    wait_until_gone(*pids)


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_another_token_is_refused_in_one_sentence_and_soon(
    in_cluster: Any, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    if not token:
        monkeypatch.delenv("RAY_AUTH_TOKEN")
        monkeypatch.delenv("RAY_AUTH_MODE")
    began = time.monotonic()
    with pytest.raises(PluginError, match=r"^the Ray cluster at \S+ requires a different token[^\n]*$"):
        connect(options(in_cluster))
    assert time.monotonic() - began < 20


def test_a_task_too_large_for_every_node_is_reported_after_a_while(in_cluster: Any, until_over: Until) -> None:
    with open_cluster(options(in_cluster, node_timeout=1.0)) as workers:
        wait_for(workers, {"127.0.0.3", "127.0.0.4"})
        workers.submit(Task(task_id="t", function="cluster_functions:echo", payload={}, gpus=1))
        (ended,) = until_over(workers)
    assert ended.lost
    assert ended.problem.startswith("no node of the Ray cluster has 1 CPU and 1 GPU (there is 127.0.0.")


def test_a_node_with_another_zoo_is_refused(in_cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # The bench is taken for another version by the process that speaks with Ray; the nodes are what they are.
    (in_cluster.folder / "other").mkdir(exist_ok=True)
    (in_cluster.folder / "other" / "sitecustomize.py").write_text("import zoo; zoo.__version__ = '99'\n")
    monkeypatch.setenv("PYTHONPATH", str(in_cluster.folder / "other"))
    with pytest.raises(PluginError, match=r"node 127\.0\.0\.[34] has zoobench .*, but this machine has 99"):
        connect(options(in_cluster))


def test_a_slow_bench_holds_up_the_node_instead_of_filling_memory(workers: RayWorkers, until_over: Until) -> None:
    workers.submit(task("t", "count", to=40, size=1_000_000))
    started(workers, "t")
    time.sleep(3)  # it could have made them all by now
    asked = time.time()
    events = until_over(workers)
    made = [event.message["time"] for event in events if isinstance(event, TaskMessage)]
    assert [event.message["number"] for event in events if isinstance(event, TaskMessage)][-1] == 39
    assert sum(when > asked for when in made) > 20


def test_messages_arrive_while_the_task_runs(workers: RayWorkers) -> None:
    workers.submit(task("t", "count", to=6, pause=0.5))
    delays, over = [], False
    while not over:
        for event in workers.poll(1):
            over |= isinstance(event, TaskEnded)
            if isinstance(event, TaskMessage):
                delays.append(time.time() - event.message["time"])
    assert len(delays) == 6
    assert max(delays) < 0.5
