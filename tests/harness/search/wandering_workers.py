"""A cluster in the process of the test, in which every task runs on a node that has never run one before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.bench.remote.node import work
from harness.bench.remote.node_cache import MACHINES, PREPARED
from zoo.executor import Node, Task, TaskEnded, TaskEvent, TaskMessage


class WanderingWorkers:
    """Runs a task to its end when it is polled for; what a node keeps is gone before the next task."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, *, num_nodes: int = 1) -> None:
        self._folder, self._patch = folder, patch
        self._num_nodes = num_nodes
        self.tasks: list[Task] = []
        self.sent: list[dict[str, Any]] = []
        """Payload of each task, with the names of its files."""

    def nodes(self) -> Sequence[Node]:
        return [Node(name=f"node{number}", cpus=1) for number in range(self._num_nodes)]

    def submit(self, task: Task) -> None:
        self.tasks.append(task)
        self.sent.append({**task.payload, "files": sorted(task.files)})

    def poll(self, seconds: float) -> Sequence[TaskEvent]:
        if not self.tasks:
            return []
        task = self.tasks.pop(0)
        self._patch.setenv("ZOO_CACHE", str(self._folder / f"node-{len(self.sent) - len(self.tasks)}"))
        MACHINES.clear()
        PREPARED.clear()
        control = SimpleNamespace(node="here", stop_requested=lambda: False)
        payload = json.loads(json.dumps(task.payload))  # as it would arrive
        messages = [
            TaskMessage(task_id=task.task_id, message=message, content=content)
            for message, content in work(payload, task.files, control)
        ]
        return [*messages, TaskEnded(task_id=task.task_id, node="here")]

    def stop(self, task_id: str) -> None:
        raise AssertionError("no test stops it")

    def kill(self, task_id: str) -> None:
        raise AssertionError("no test kills it")
