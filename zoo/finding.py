"""Finding: where plugins are looked for, and which ones are found before any is imported.

Nothing here imports a plugin, so a broken plugin or installation cannot make finding fail: it fails in
:attr:`Found.load`, where it affects one plugin only.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from zoo._version import __version__
from zoo.calling.unfinished import find_unfinished
from zoo.catalog import Provider
from zoo.files.plain_files import CODE, read_bytes
from zoo.hookspecs import PROJECT
from zoo.names import slug
from zoo.siblings import siblings_of
from zoo.trust import Trust

_BUILTIN_PACKAGE = "plugins"
_BUILTIN_NAMESPACE = "zoo"
_DISTRIBUTION = "zoobench"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where to look for plugins, as plain data, so that the process of a trial can look in the same places."""

    files: tuple[str, ...] = ()
    """Paths of Python files, as given with ``--plugin``."""
    entry_points: bool = True
    """Whether to load the installed plugins that ``ZOO_PLUGINS`` allows (see :mod:`zoo.trust`)."""
    builtin: bool = True
    """Whether to load the built-ins."""
    strict: bool = False
    """Whether a broken plugin is an error."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A plugin before it is loaded."""

    provider: Provider
    load: Callable[[], Any]
    """Imports the plugin; may raise any exception."""
    refusal: str = ""
    """Why it must not be loaded; empty if it may be."""
    set_aside: str = ""
    """Why loading it is refused, because a process of zoo ended in its code; empty if it is not."""


class SetAsideError(Exception):
    """A plugin is not imported, because a process of zoo ended in its code; the message says when and how."""


def find(sources: Sources) -> Iterator[Found]:
    """Yield the plugins of *sources*: built-ins, then entry points by name, then files as given."""
    if sources.builtin:
        yield from _find_builtin()
    if sources.entry_points:
        yield from _find_entry_points()
    for path in dict.fromkeys(os.path.abspath(file) for file in sources.files):
        yield _find_file(path)


def _find_builtin() -> Iterator[Found]:
    package = importlib.import_module(_BUILTIN_PACKAGE)
    home = Path(__file__).parent.parent
    if Path(package.__file__ or "").parent.parent != home:
        # The name is a common one: another distribution, or a folder in front on sys.path, may own it.
        reason = f"the package {_BUILTIN_PACKAGE!r} is not zoo's own but {list(package.__path__)}, which hides it"
        provider = _builtin_provider(_BUILTIN_PACKAGE)
        yield Found(provider=provider, load=functools.partial(_refuse, ImportError(reason)))
        return
    for module in package.BUILTIN:
        yield Found(provider=_builtin_provider(module), load=functools.partial(importlib.import_module, module))


def _builtin_provider(module: str) -> Provider:
    return Provider(
        name=module.removeprefix(f"{_BUILTIN_PACKAGE}."),
        origin="built-in",
        module=module,
        namespace=_BUILTIN_NAMESPACE,
        distribution=_DISTRIBUTION,
        version=__version__,
    )


def _find_entry_points() -> Iterator[Found]:
    trust = Trust.of_environment()
    unfinished = find_unfinished()
    for found in _find_installed():
        refusal = trust.refusal(found.provider.name, found.provider.distribution)
        calls = [call for call in unfinished if call.is_of(found.provider)]
        if refusal:
            found = replace(found, refusal=refusal)
        elif calls:
            remedy = f"zoo plugins --retry {found.provider.name} uses it again"
            reason = f"{calls[-1].sentence}; {remedy}"
            error = SetAsideError(f"it is set aside because {reason}")
            found = replace(found, set_aside=reason, load=functools.partial(_refuse, error))
        yield found


def _find_installed() -> Iterator[Found]:
    try:
        points = list(importlib.metadata.entry_points(group=PROJECT))
    except Exception:
        # One distribution with unreadable entry points hides all the others from this function.
        points, unreadable = _entry_points_one_by_one()
        yield from unreadable
    for point in sorted(set(points), key=lambda each: (each.name, each.value)):
        provider = Provider(
            name=point.name,
            origin="entry point",
            module=point.value,
            namespace=slug(point.name),
            # Both are None for a distribution without metadata.
            distribution=(point.dist.name or "") if point.dist else "",
            version=(point.dist.version or "") if point.dist else "",
        )
        yield Found(provider=provider, load=point.load)


def _entry_points_one_by_one() -> tuple[list[EntryPoint], list[Found]]:
    points: list[EntryPoint] = []
    unreadable: list[Found] = []
    for distribution in importlib.metadata.distributions():
        try:
            points.extend(distribution.entry_points.select(group=PROJECT))
        except Exception as error:
            name = distribution.name or "unknown"
            reason = ImportError(f"the entry points of distribution {name!r} cannot be read: {error}")
            provider = Provider(
                name=name,
                origin="entry point",
                module="entry_points.txt",
                namespace=slug(name),
                distribution=name,
                version=distribution.version or "",
            )
            unreadable.append(Found(provider=provider, load=functools.partial(_refuse, reason)))
    return points, unreadable


def _find_file(path: str) -> Found:
    stem = Path(path).stem
    provider = Provider(name=stem, origin="file", module=path, namespace=slug(stem), source=path)
    return Found(provider=provider, load=functools.partial(_import_file, Path(path)))


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    content = read_bytes(path, CODE)
    with siblings_of(path) as edits:
        # The name holds a hash, so that two files called models.py are two modules, neither shadows a real one, and an
        # edited file is a new module. For the same reason no byte code is cached: that looks at whole seconds only.
        digest = hashlib.sha256(b"\0".join((os.fsencode(path), content, b"%d" % edits))).hexdigest()[:12]
        name = f"_zoo_file_{re.sub(r'[^0-9a-zA-Z_]', '_', path.stem)}_{digest}"
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None:
            raise ImportError(f"{path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            exec(compile(content, str(path), "exec", dont_inherit=True), module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
        return module


def _refuse(error: Exception) -> NoReturn:
    raise error
