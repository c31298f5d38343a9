"""A plugin with a toy executor: a cluster whose nodes are processes of this machine, each with a cache of its own.

It does what :class:`zoo.executor.Workers` asks for and nothing more, so that what a bench does with an executor can be
tested without one's installation. Nodes say their process ids in files, and can be killed; a new one takes their place.
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from zoo import Executor, hookimpl
from zoo.executor import Node, Task, TaskEnded, TaskEvent, TaskMessage, TaskStarted
from zoo.files.cache import cache_root

HERE = Path(__file__).parent


class NodeHandle:
    """One node's process, and the task that it runs."""

    def __init__(self, name: str, folder: Path, events: queue.Queue[TaskEvent]) -> None:
        self.name, self._folder, self._events = name, folder, events
        self.task_id: str | None = None
        self.is_over = False
        """Whether its process has ended, and all that it said has been heard."""
        cache = folder / f"cache-{name}"
        cache.mkdir(exist_ok=True)
        for path in cache_root().glob("*-models-[0-9].json"):  # which take each node four seconds to make
            shutil.copy(path, cache)
        environment = {**os.environ, "ZOO_CACHE": str(cache)}
        self._process = subprocess.Popen(
            [sys.executable, HERE / "node_process.py", name, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / f"{name}.log").open("ab"),
            env=environment,
            start_new_session=True,
        )
        (folder / f"{name}.pid").write_text(str(self._process.pid))
        threading.Thread(target=self._listen, daemon=True).start()

    def run(self, task: Task) -> None:
        from node_process import write

        self.task_id = task.task_id
        message = {"task_id": task.task_id, "function": task.function, "payload": dict(task.payload)}
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it was killed just now, and the task is found lost
            write(self._process.stdin, {**message, "names": list(task.files)}, list(task.files.values()))

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _listen(self) -> None:
        from node_process import read

        assert self._process.stdout is not None
        while (received := read(self._process.stdout)) is not None:
            message, contents = received
            task_id = message["task_id"]
            if message["what"] == "started":
                self._events.put(TaskStarted(task_id=task_id, node=self.name))
            elif message["what"] == "message":
                self._events.put(TaskMessage(task_id=task_id, message=message["message"], content=contents[0]))
            else:
                self.task_id = None
                self._events.put(TaskEnded(task_id=task_id, problem=message["problem"], node=self.name))
        self.is_over = True


class ToyWorkers:
    """As many nodes as asked for, each for one task at a time."""

    def __init__(self, folder: Path, num_nodes: int) -> None:
        self._folder = folder
        self._events: queue.Queue[TaskEvent] = queue.Queue()
        self._waiting: list[Task] = []
        folder.mkdir(parents=True, exist_ok=True)
        self._nodes = [NodeHandle(f"node{number}", folder, self._events) for number in range(num_nodes)]

    def nodes(self) -> Sequence[Node]:
        return [Node(name=node.name, cpus=1) for node in self._nodes]

    def submit(self, task: Task) -> None:
        self._waiting.append(task)

    def poll(self, seconds: float) -> Sequence[TaskEvent]:
        for index, node in enumerate(self._nodes):
            if node.is_over:
                if node.task_id is not None:
                    problem = f"the process of node {node.name} ended"
                    self._events.put(TaskEnded(task_id=node.task_id, problem=problem, lost=True, node=node.name))
                node.kill()
                self._nodes[index] = NodeHandle(node.name, self._folder, self._events)
            elif node.task_id is None and self._waiting:
                wanted = [task for task in self._waiting if task.node == node.name]
                task = (wanted or self._waiting)[0]
                self._waiting.remove(task)
                node.run(task)
        events: list[TaskEvent] = []
        end = time.monotonic() + seconds
        while not events and (left := end - time.monotonic()) > 0:
            try:
                events.append(self._events.get(timeout=left))
            except queue.Empty:
                break
        while not self._events.empty():
            events.append(self._events.get())
        return events

    def stop(self, task_id: str) -> None:
        (self._folder / f"stop-{task_id}").touch()
        self._drop(task_id)

    def kill(self, task_id: str) -> None:
        self._drop(task_id)
        for node in self._nodes:
            if node.task_id == task_id:
                node.kill()

    def close(self) -> None:
        for node in self._nodes:
            node.kill()

    def _drop(self, task_id: str) -> None:
        for task in list(self._waiting):
            if task.task_id == task_id:
                self._waiting.remove(task)
                self._events.put(TaskEnded(task_id=task_id, problem="it was stopped before it began"))


@contextmanager
def connect(options: Mapping[str, object]) -> Iterator[ToyWorkers]:
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    workers = ToyWorkers(Path(str(options["folder"])), int(str(options["nodes"])))
    try:
        yield workers
    finally:
        workers.close()


@hookimpl
def zoo_executors() -> Iterator[Executor]:
    yield Executor(
        name="toy", open=connect, summary="processes of this machine", options={"folder": "cluster", "nodes": 2}
    )
