"""Model sizes: parameters and multiply-accumulates of the models of a catalog, counted once and kept in the cache.

A network is counted for the classes of its published head, else for 1,000, or for 10 if it is designed for images of
less than 64 pixels, and for one RGB image of its native size.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from zoo.files.cache import cached_json, keep_json
from zoo.names import short_hash, slug
from zoo.preparation import SMALL_NETWORK

if TYPE_CHECKING:
    from zoo.architecture import Architecture
    from zoo.catalog import Entry, Provider
    from zoo.finding import Sources

_FORMAT = 3  # incremented whenever the same network gets other numbers
_KEPT_EVERY = 20
_FEW = 5
"""Number of networks from which counting is announced."""


class ModelSize(NamedTuple):
    """The size of a model; None where it could not be counted."""

    params: int | None
    macs: int | None
    reason: str = ""
    """Why its parameters could not be counted."""


def sizes_of(
    entries: Sequence[Entry[Architecture]], sources: Sources, *, tell: Callable[[str], None] = lambda sentence: None
) -> dict[str, ModelSize]:
    """Return the sizes of models by full name, from the cache or counted in a process of its own.

    Args:
        entries: The models.
        sources: Where their plugins come from.
        tell: Called with a sentence while many are counted.
    """
    found: dict[str, ModelSize] = {}
    by_file: dict[str, list[Entry[Architecture]]] = {}
    known_files: dict[tuple[str, str], str] = {}
    for entry in entries:
        key = (entry.provider.module, entry.record.version)
        if key not in known_files:
            known_files[key] = _file_of(entry.provider, entry.record.version)
        by_file.setdefault(known_files[key], []).append(entry)
    kept = {name: cached_json(name, dict) for name in by_file}
    wanted = [(name, entry) for name, group in by_file.items() for entry in group if entry.full_name not in kept[name]]
    file_of = {entry.full_name: name for name, entry in wanted}
    if len(wanted) > _FEW:
        tell(f"counting {len(wanted):,} models once; this can be stopped and continued")
    done = 0
    changed: set[str] = set()
    try:
        for full_name, size in _counted([entry for _, entry in wanted], sources):
            kept[file_of[full_name]][full_name] = list(size)
            changed.add(file_of[full_name])
            done += 1
            if done % _KEPT_EVERY == 0:
                _keep(kept, changed)
                tell(f"{done:,} of {len(wanted):,} models counted")
    finally:
        _keep(kept, changed)
    for name, group in by_file.items():
        for entry in group:
            found[entry.full_name] = ModelSize(*kept[name].get(entry.full_name, (None, None)))
    return found


def classes_counted(architecture: Architecture, head_classes: int | None) -> int:
    """Return the number of classes that a model is counted for."""
    if head_classes:
        return head_classes
    return 10 if architecture.native_size < SMALL_NETWORK else 1000


def _keep(kept: dict[str, dict[str, list[int | str | None]]], changed: set[str]) -> None:
    for name in changed:
        kept[name] = {**cached_json(name, dict), **kept[name]}  # another process may have counted others meanwhile
        keep_json(name, kept[name])
    changed.clear()


def _file_of(provider: Provider, version: str) -> str:
    """Return the name in the cache of the sizes of a plugin's models, which follows from its code."""
    code = b""
    path = provider.module
    if not path.endswith(".py"):
        spec = importlib.util.find_spec(path)
        path = spec.origin or "" if spec else ""
    if path and Path(path).is_file():
        code = Path(path).read_bytes()
    identity = [_FORMAT, provider.distribution, provider.version, version, hashlib.sha256(code).hexdigest()]
    return f"sizes/{slug(provider.name)}-{short_hash(repr(identity), 20)}"


def _counted(entries: Sequence[Entry[Architecture]], sources: Sources) -> Iterator[tuple[str, ModelSize]]:
    """Yield the full name and size of each model; one that ends the process has none, and the others go on."""
    from zoo.api.published_heads import published_head

    left = [
        (entry.full_name, classes_counted(entry.record, len(head.classes) if (head := published_head(entry)) else None))
        for entry in entries
    ]
    while left:
        job = json.dumps({"sources": asdict(sources), "models": left})
        command = [sys.executable, "-P", "-m", "harness.networks.size_counting"]
        started = ""
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(job)
                process.stdin.close()
                for line in process.stdout:
                    name, *size = json.loads(line)
                    started = name
                    if size:
                        yield name, ModelSize(*size)
                        left = left[1:]
                        started = ""
            finally:
                process.kill()
        if not left:
            return
        if not started:  # it could not even begin
            yield from ((name, ModelSize(None, None, "its plugins could not be loaded")) for name, _ in left)
            return
        yield started, ModelSize(None, None, "it ended the process")
        left = left[1:]
