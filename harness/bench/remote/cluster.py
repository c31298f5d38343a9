"""The cluster: the connection of a bench to its nodes, which makes the tasks that they run."""

from __future__ import annotations

import dataclasses
import hashlib
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.bench.remote.job import FUNCTION, PLUGIN_PREFIX, RemoteJob
from harness.code.parts import parts_of
from zoo.errors import UsageError
from zoo.executor import Task, Workers
from zoo.files.plain_files import PART, read_bytes
from zoo.loading import Sources, build_catalog

_HOOKS = ("zoo_architectures", "zoo_datasets", "zoo_recipes")
"""Hooks whose records declare files."""


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
        names = list(dict.fromkeys(Path(file).name for file in sources.files))
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
    """Return the content of each plugin file and of the files beside it that it needs, by their names in a task."""
    catalog = build_catalog(sources, hooks=_HOOKS) if sources.files else None
    contents: dict[str, bytes] = {}
    for file in sources.files:
        name = PLUGIN_PREFIX + Path(file).name
        own = {name: _content(file, Path(file))}
        if catalog is not None:
            parts = parts_of(file, catalog)
            own |= {f"{name}/{part}": _content(file, path) for part, path in parts.items()}
        others = {each: content for each, content in contents.items() if each == name or each.startswith(f"{name}/")}
        if others and others != own:
            raise UsageError(
                f"--plugin {file}: another plugin file has the same name, and nodes need names that differ"
            )
        contents |= own
    return contents


def _content(file: str, path: Path) -> bytes:
    try:
        return read_bytes(path, PART)
    except OSError as error:
        named = f"{path}, which it needs, " if path != Path(file) else ""
        raise UsageError(f"--plugin {file}: {named}cannot be read: {error.strerror or error}") from error
