"""Jobs on nodes: what is asked of the cluster, and what its messages come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from harness.bench.job_runner import StoppedError
from harness.bench.remote.cluster import Cluster
from harness.bench.remote.jobs import RemoteJobRunner
from harness.system.interrupts import Interrupts
from zoo.errors import ManyErrors, ZooError
from zoo.events import Event, Progress
from zoo.executor import Node, Task, TaskEnded, TaskEvent, TaskMessage
from zoo.loading import Sources

PROBE = {"device": "auto", "precision": "auto", "threads": None}


class Scripted:
    """Workers that send prepared events for each task."""

    def __init__(self, *events: TaskEvent, gpus: float = 0) -> None:
        self._events, self._gpus = list(events), gpus
        self.tasks: list[Task] = []
        self.killed: list[str] = []

    def nodes(self) -> Sequence[Node]:
        return (Node(name="a", cpus=4), Node(name="b", cpus=4, gpus=self._gpus))

    def submit(self, task: Task) -> None:
        self.tasks.append(task)

    def poll(self, seconds: float) -> Sequence[TaskEvent]:
        assert self._events, "polled for more than there is"
        return [self._events.pop(0)]

    def stop(self, task_id: str) -> None:
        raise NotImplementedError

    def kill(self, task_id: str) -> None:
        self.killed.append(task_id)


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def make_runner(tmp_path: Any, events: list[Event]) -> Any:
    def make(workers: Scripted, interrupts: Interrupts | None = None) -> RemoteJobRunner:
        cluster = Cluster(workers, tmp_path, Sources())
        return RemoteJobRunner(cluster, events.append, interrupts or Interrupts())

    return make


def message(task_id: str, kind: str, **fields: Any) -> TaskMessage:
    return TaskMessage(task_id=task_id, message={"kind": kind, **fields})


def test_progress_is_reported_until_the_answer(make_runner: Any, events: list[Event]) -> None:
    workers = Scripted(
        message("probe-1", "progress", message="starting on a", share=0.5), message("probe-1", "answer", value=[1, 2])
    )
    assert make_runner(workers).ask("probe", **PROBE) == [1, 2]
    assert events == [Progress(message="starting on a", share=0.5)]


def test_answers_to_other_tasks_are_left_out(make_runner: Any) -> None:
    workers = Scripted(
        message("probe-1", "answer", value="first"),
        message("probe-1", "answer", value="late"),
        TaskEnded(task_id="probe-1", problem="too late to matter"),
        message("probe-2", "answer", value="second"),
    )
    runner = make_runner(workers)
    assert [runner.ask("probe", **PROBE) for _ in range(2)] == ["first", "second"]


def test_errors_of_a_node_are_raised_together(make_runner: Any) -> None:
    workers = Scripted(message("probe-1", "errors", sentences=["no device", "no precision"]))
    with pytest.raises(ManyErrors) as caught:
        make_runner(workers).ask("probe", **PROBE)
    assert [str(error) for error in caught.value.errors] == ["no device", "no precision"]


def test_a_task_that_ends_without_an_answer_is_one_sentence(make_runner: Any) -> None:
    workers = Scripted(TaskEnded(task_id="probe-1", problem="node a was lost", lost=True))
    with pytest.raises(ZooError, match=r"^the task for probe ended without an answer: node a was lost$"):
        make_runner(workers).ask("probe", **PROBE)


def test_a_stop_by_the_user_kills_the_task(make_runner: Any) -> None:
    workers, interrupts = Scripted(), Interrupts()
    interrupts.count = 1
    with pytest.raises(StoppedError):
        make_runner(workers, interrupts).ask("probe", **PROBE)
    assert workers.killed == ["probe-1"]


@pytest.mark.parametrize(
    ("device", "gpus", "wanted"),
    [("auto", 2, 1), ("cuda:1", 2, 1), ("cpu", 2, 0), ("auto", 0, 0)],
)
def test_a_probe_takes_a_gpu_only_if_a_trial_may(make_runner: Any, device: str, gpus: float, wanted: float) -> None:
    workers = Scripted(message("probe-1", "answer", value=0), gpus=gpus)
    make_runner(workers).ask("probe", **{**PROBE, "device": device})
    (task,) = workers.tasks
    assert (task.cpus, task.gpus) == (1, wanted)
    assert task.payload["values"] == {**PROBE, "device": device}
