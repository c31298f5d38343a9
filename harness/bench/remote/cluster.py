"""The cluster: the connection of a bench to its nodes, which makes the tasks that they run."""

from __future__ import annotations

import dataclasses
import hashlib
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.bench.remote.job import FUNCTION, PLUGIN_PREFIX, RemoteJob
from zoo.errors import UsageError
from zoo.executor import Task, Workers
from zoo.loading import Sources


class Cluster:
    """The nodes of a bench, and the tasks that they run.

    Args:
        workers: The connection to the nodes.
        store: Root of the store that the bench fills.
        common: Fields of every :class:`harness.bench.remote.job.RemoteJob`.

    Raises:
        UsageError: If a plugin file cannot be sent to the nodes.
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
        """Return a task with these *fields* of a :class:`harness.bench.remote.job.RemoteJob`."""
        return Task(
            task_id=task_id,
            function=FUNCTION,
            payload=RemoteJob(**self._common, **fields).model_dump(mode="json"),
            files={**self._plugins, **(files or {})},
            cpus=cpus,
            gpus=gpus,
            node=node,
        )


def _read_plugins(sources: Sources) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    for file in sources.files:
        name = PLUGIN_PREFIX + Path(file).name
        try:
            content = Path(file).read_bytes()
        except OSError as error:
            raise UsageError(f"--plugin {file}: cannot be read: {error.strerror or error}") from error
        if contents.get(name, content) != content:
            raise UsageError(
                f"--plugin {file}: another plugin file has the same name, and nodes need names that differ"
            )
        contents[name] = content
    return contents
