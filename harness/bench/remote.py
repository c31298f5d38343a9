"""A bench that runs elsewhere: what its tasks have in common, and the questions that it asks before any trial."""

from __future__ import annotations

import dataclasses
import hashlib
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.bench.remote_node import FUNCTION, PLUGIN_PREFIX, RemoteJob
from harness.bench.resolution import POLL_SECONDS, Stopped
from harness.system.interrupts import Interrupts
from zoo.errors import ManyErrors, UsageError, ZooError
from zoo.events import Event, Progress
from zoo.executor import Task, TaskEnded, TaskMessage, Workers
from zoo.loading import Sources

START_SECONDS = 300.0
"""How long a question may wait for a node that has room for it."""


class Remote:
    """Makes a bench's tasks.

    Args:
        workers: The connection to the nodes.
        store: Root of the store that the bench fills.
        common: Fields of every :class:`harness.bench.remote_node.RemoteJob`.

    Raises:
        UsageError: If a plugin file cannot be sent along.
    """

    def __init__(self, workers: Workers, store: Path, sources: Sources, **common: Any) -> None:
        self.workers = workers
        self._plugins = _read_plugins(sources)
        names = [name.removeprefix(PLUGIN_PREFIX) for name in self._plugins]
        self._common = {
            **common,
            "bench": hashlib.sha256(f"{socket.gethostname()}\0{store.absolute()}".encode()).hexdigest()[:20],
            "sources": {**dataclasses.asdict(sources), "files": names},
        }

    def task(
        self,
        task_id: str,
        *,
        cpus: float,
        gpus: float,
        node: str = "",
        files: Mapping[str, bytes] | None = None,
        **fields: Any,
    ) -> Task:
        """Return a task that does what *fields* of a :class:`harness.bench.remote_node.RemoteJob` say."""
        return Task(
            task_id=task_id,
            function=FUNCTION,
            payload=RemoteJob(**self._common, **fields).model_dump(mode="json"),
            files={**self._plugins, **(files or {})},
            cpus=cpus,
            gpus=gpus,
            node=node,
        )


class RemoteScout:
    """Asks a node what :class:`harness.bench.resolution.JobRunner` asks this machine."""

    def __init__(self, remote: Remote, emit: Callable[[Event], None], interrupts: Interrupts) -> None:
        self._remote, self._interrupts = remote, interrupts
        self.emit = emit
        self._count = 0

    def ask(self, kind: str, **values: Any) -> Any:
        """Run one job on a node and return its answer.

        Raises:
            ZooError: With the sentences that the job answered, or why there is no answer.
            Stopped: If the user stopped the bench.
        """
        self._count += 1
        task_id = f"{kind}-{self._count}"
        has_gpus = any(node.gpus >= 1 for node in self._remote.workers.nodes())
        fields = {"dataset": values["dataset"]} if kind == "prepare" else {"values": values}
        wants_gpu = has_gpus and kind == "probe" and str(values["device"]).startswith(("auto", "cuda"))
        self._remote.workers.submit(self._remote.task(task_id, cpus=1, gpus=1 if wants_gpu else 0, kind=kind, **fields))
        asked_to_stop = False
        while True:
            if self._interrupts.count and not asked_to_stop:
                self._remote.workers.kill(task_id)
                raise Stopped
            for event in self._remote.workers.poll(POLL_SECONDS):
                if event.task_id != task_id:
                    continue
                if isinstance(event, TaskEnded):
                    raise ZooError(f"the task that should {kind} ended without an answer: {event.problem}")
                if isinstance(event, TaskMessage):
                    message = event.message
                    if message["kind"] == "answer":
                        return message["value"]
                    if message["kind"] == "errors":
                        raise ManyErrors([UsageError(str(sentence)) for sentence in message["sentences"]])
                    if message["kind"] == "progress":
                        self.emit(Progress(message=str(message["message"]), share=message["share"]))


def _read_plugins(sources: Sources) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    for file in sources.files:
        name = PLUGIN_PREFIX + Path(file).name
        try:
            content = Path(file).read_bytes()
        except OSError as error:
            raise UsageError(f"--plugin {file}: it cannot be read: {error.strerror or error}") from error
        if contents.get(name, content) != content:
            raise UsageError(f"--plugin {file}: nodes could not tell it from another plugin file of that name")
        contents[name] = content
    return contents
