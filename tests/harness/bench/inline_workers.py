"""A cluster of one node, which is the process of the test."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

from harness.bench.remote.messages import Message
from harness.bench.remote.node import work
from zoo.executor import Node, Task, TaskEnded, TaskEvent, TaskMessage


class InlineWorkers:
    """One node, which is this process: a task runs to its end when it is polled for."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.killed: list[str] = []
        self.stopping = False

    def nodes(self) -> Sequence[Node]:
        return (Node(name="here", cpus=1),)

    def submit(self, task: Task) -> None:
        self.tasks.append(task)

    def poll(self, seconds: float) -> Sequence[TaskEvent]:
        events: list[TaskEvent] = []
        while self.tasks:
            task = self.tasks.pop(0)
            for message, content in self.work(task):
                events.append(TaskMessage(task_id=task.task_id, message=message, content=content))
            events.append(TaskEnded(task_id=task.task_id, node="here"))
        return events

    def stop(self, task_id: str) -> None:
        self.stopping = True

    def kill(self, task_id: str) -> None:
        self.killed.append(task_id)

    def work(self, task: Task) -> Iterator[Message]:
        """Yield what the node sends for a task."""
        payload = json.loads(json.dumps(task.payload))  # as it would arrive
        return work(payload, task.files, SimpleNamespace(node="here", stop_requested=lambda: self.stopping))
