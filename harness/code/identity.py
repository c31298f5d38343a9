"""Code identity: what the results of a catalog entry depend on besides settings, data and torch."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.code.distributions import installation, normal, version_of
from harness.code.locating import Owner, find_spec
from harness.code.reach import Reach, reach
from harness.code.roots import roots_of
from zoo.catalog import Entry, Provider
from zoo.errors import PluginError


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeIdentity:
    """The code, files and libraries that a record depends on."""

    modules: Mapping[str, str] = field(default_factory=dict)
    """Digest of each module of the plugin that its functions depend on, by name."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Digest of each data file that it declares, by the declared path."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """Version of each distribution that those modules import or that it declares."""
    arguments: str = ""
    """Digest of the names of its functions and the values that they were created with."""


def code_identity(entry: Entry[Any]) -> CodeIdentity:
    """Return what a record depends on.

    Raises:
        PluginError: If it declares a data file that is not there.
    """
    provider, record = entry.provider, entry.record
    roots = roots_of(record)
    home = _home(provider)
    owner = Owner(distribution=provider.distribution, folder=home if provider.origin == "file" else None)
    declared = map(normal, getattr(record, "libraries", ()))
    found = _known_reach(roots.modules, owner)
    return CodeIdentity(
        modules=found.modules,
        files={name: _file_digest(entry, home, name) for name in getattr(record, "files", ())},
        libraries={name: version_of(name) for name in sorted({*found.libraries, *declared})},
        arguments=_digest(roots.arguments),
    )


def was_edited(provider: Provider, modules: Iterable[str], files: Iterable[str], *, since_ns: int) -> bool:
    """Return whether any of these files of a plugin may have changed since a time: it was written later, or is gone.

    It takes one call of the system for each, where :func:`code_identity` takes a third of a second in a new process.

    Args:
        provider: The plugin.
        modules: Names of modules, as in :attr:`CodeIdentity.modules`.
        files: Declared paths, as in :attr:`CodeIdentity.files`.
        since_ns: The time, in nanoseconds since the epoch.
    """
    home = _home(provider)
    folder = home if provider.origin == "file" else None
    paths = [(home or Path()) / name for name in files]
    for name in modules:
        spec = None if name.endswith(".py") else find_spec(name, folder)
        if spec is None:  # the plugin's own file, or a module that is gone
            paths.append((home or Path()) / name)
        elif spec.origin and spec.has_location:
            paths.append(Path(spec.origin))
    return any(_modified_ns(path) >= since_ns - _CLOCK_STEP_NS for path in paths)


def _modified_ns(path: Path) -> float:
    if path.is_dir():
        return max((_modified_ns(each) for each in path.rglob("*") if each.is_file()), default=0)
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return math.inf


_CLOCK_STEP_NS = 2 * 10**9
"""Coarsest step of the times of files, that of FAT."""

_KNOWN: dict[Any, tuple[tuple[Any, ...], Reach]] = {}
"""Known reaches by roots, with the state of the files that were read, since a plan needs one for each trial."""


def _known_reach(roots: Mapping[str, frozenset[str]], owner: Owner) -> Reach:
    key = (frozenset(roots.items()), owner)
    known = _KNOWN.get(key)
    if known is not None and known[0] == _state(known[1].files, owner):
        return known[1]
    found = reach(roots, owner)
    _KNOWN[key] = (_state(found.files, owner), found)
    return found


def _state(files: Iterable[Path], owner: Owner) -> tuple[Any, ...]:
    folder = [owner.folder] if owner.folder is not None else []
    stats = [path.stat() if path.exists() else None for path in (*sorted(files), *folder)]
    return (installation(), *((stat.st_mtime_ns, stat.st_size) if stat else None for stat in stats))


def _home(provider: Provider) -> Path | None:
    """Return the folder of the plugin's file, to which declared paths are relative."""
    if provider.origin == "file":
        return Path(provider.module).parent
    module = sys.modules.get(provider.module.partition(":")[0])
    file = getattr(module, "__file__", None)
    return Path(file).parent if file else None


def _file_digest(entry: Entry[Any], home: Path | None, name: str) -> str:
    path = (home or Path()) / name
    try:
        return _content_digest(path)
    except OSError as error:
        raise PluginError(
            f"{entry.full_name} of {entry.provider.origin_sentence} declares the data file {name!r}, "
            f"but {path} cannot be read: {error.strerror or error}"
        ) from error


def _content_digest(path: Path) -> str:
    """Return the digest of a file, or of all files of a folder with their names."""
    if not path.is_dir():
        stat = path.stat()
        return _hashed(path, stat.st_mtime_ns, stat.st_size)
    files = sorted(each for each in path.rglob("*") if each.is_file())
    return _digest([[each.relative_to(path).as_posix(), _content_digest(each)] for each in files])


@functools.lru_cache(maxsize=4096)
def _hashed(path: Path, _modified: int, _size: int) -> str:
    # Cached, because a plan needs it for each trial; time and size distinguish an edited file.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
