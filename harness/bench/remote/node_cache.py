"""The node's cache: plugin files, machines, datasets and trials that a node keeps between tasks."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from harness.bench.machine import Machine
from harness.bench.processes.starter import Starter
from harness.bench.remote.job import PLUGIN_PREFIX, RemoteJob
from harness.data.cache.entries import REMOTE_FOLDER
from harness.data.images import PreparedData
from harness.records.state_files import is_state_name, newest_state
from harness.records.store import HISTORY_FILE, Store
from harness.system.atomic_files import write_bytes
from zoo.catalog import Catalog
from zoo.files.cache import cache_root
from zoo.loading import Sources, build_catalog

KEEP_SECONDS = 3600.0
"""How long a trial's folder stays on the node after its record was sent, in case the bench did not receive it."""
_SENT = "sent"

MACHINES: dict[Any, Machine] = {}
"""Machines as probed in this process, which executors keep for several tasks."""
PREPARED: dict[Any, PreparedData] = {}
"""Datasets as prepared in this process."""


@functools.cache
def starter_for(preload: tuple[str, ...]) -> Starter:
    """Return the starter with these modules preloaded; there is one per process."""
    return Starter(preload)


@functools.lru_cache(maxsize=4)
def catalog_of(sources: Sources) -> Catalog:
    """Return the catalog of these plugins."""
    return build_catalog(sources)


def node_store(bench: str) -> Store:
    """Return the node's store for a bench, after removing trials that were sent long ago."""
    store = Store(cache_root() / REMOTE_FOLDER / bench)
    store.create()
    _clear_old(store.root)
    return store


def mark_unsent(folder: Path) -> None:
    """Protect a trial's folder from removal: its trial is about to run."""
    (folder / _SENT).unlink(missing_ok=True)


def mark_sent(folder: Path) -> None:
    """Allow a trial's folder to be removed after a while: its record was sent."""
    (folder / _SENT).touch()


def place_plugins(job: RemoteJob, given: Mapping[str, bytes]) -> Sources:
    """Write the bench's plugin files to folders named after their content, and return where to load plugins from.

    Each has a folder of its own with the files beside it that it needs.
    """
    paths = []
    for name in job.sources["files"]:
        prefix = f"{PLUGIN_PREFIX}{name}/"
        parts = {key.removeprefix(prefix): given[key] for key in sorted(given) if key.startswith(prefix)}
        contents = {**parts, Path(name).name: given[PLUGIN_PREFIX + name]}
        digest = hashlib.sha256()
        for part, content in contents.items():
            digest.update(b"%d %d " % (len(os.fsencode(part)), len(content)) + os.fsencode(part) + content)
        folder = cache_root() / REMOTE_FOLDER / "plugins" / digest.hexdigest()[:20]
        for part, content in contents.items():  # the plugin's file last: where it is, all are
            path = folder.joinpath(*(each for each in PurePosixPath(part).parts if each not in ("/", "..")))
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_bytes(path, content)
        paths.append(str(folder / Path(name).name))
    return Sources(**{**job.sources, "files": tuple(paths)})


def take_state(folder: Path, given: Mapping[str, bytes]) -> None:
    """Write the bench's training state to the folder, with its history, unless it holds one of a later epoch."""
    newest = newest_state(folder)
    for name, content in given.items():
        if is_state_name(name) and (newest is None or name > newest.name):
            if HISTORY_FILE in given:
                write_bytes(folder / HISTORY_FILE, given[HISTORY_FILE])
            write_bytes(folder / name, content)


def _clear_old(root: Path) -> None:
    """Remove the folders of trials that were sent long ago."""
    for marker in root.glob(f"*/{_SENT}"):
        with contextlib.suppress(OSError):
            if time.time() - marker.stat().st_mtime > KEEP_SECONDS:
                shutil.rmtree(marker.parent)
