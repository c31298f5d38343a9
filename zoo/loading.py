"""Loading: find every plugin, import each alone, and build a catalog of what they provide.

A plugin that raises, exits or yields nonsense costs itself only: it is in the catalog as broken, with its
cause. There is no global catalog: each call makes a fresh one.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from zoo import hookspecs
from zoo.architecture import Architecture
from zoo.catalog import Catalog, Entry, Plugin, Provider, Registry
from zoo.dataset import Dataset
from zoo.errors import PluginError
from zoo.listener import Listener
from zoo.metric import Metric
from zoo.names import check_name, full_name, slug
from zoo.recipe import Recipe

_BUILTIN_PACKAGE = "plugins"
_BUILTIN_NAMESPACE = "zoo"
_RECORDS: dict[str, type] = {
    "zoo_architectures": Architecture,
    "zoo_datasets": Dataset,
    "zoo_recipes": Recipe,
    "zoo_metrics": Metric,
    "zoo_listeners": Listener,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where plugins are to be looked for. Plain data, so that a trial's process can look in the same places."""

    files: tuple[str, ...] = ()
    """Paths of Python files, as given with ``--plugin``."""
    entry_points: bool = True
    """Whether to load installed plugins."""
    builtin: bool = True
    """Whether to load the built-ins."""
    strict: bool = False
    """Whether a broken plugin is an error."""


@dataclass(kw_only=True)
class _Found:
    """A plugin before it is loaded."""

    provider: Provider
    namespace: str
    load: Callable[[], Any]


@dataclass(kw_only=True)
class _Harvest:
    """All that has been collected so far."""

    entries: dict[str, dict[str, Entry[Any]]] = field(default_factory=lambda: {hook: {} for hook in _RECORDS})
    commands: dict[str, Any] = field(default_factory=dict)
    command_owners: dict[str, str] = field(default_factory=dict)
    plugins: list[Plugin] = field(default_factory=list)


class _Nonsense(Exception):
    """A plugin yielded something that it must not; the message says what."""


def build_catalog(sources: Sources = Sources()) -> Catalog:  # noqa: B008 - frozen
    """Load every plugin of *sources* and return what they provide.

    Raises:
        PluginError: With ``sources.strict``, if any plugin is broken.
    """
    harvest = _Harvest()
    for found in _find(sources):
        harvest.plugins.append(_load(found, harvest))
    broken = tuple(plugin for plugin in harvest.plugins if plugin.state == "broken")
    if sources.strict and broken:
        listed = "; ".join(f"{plugin.provider.name}: {plugin.problem}" for plugin in broken)
        raise PluginError(f"{len(broken)} broken plugin(s): {listed}")

    def registry(kind: str, hook: str, lister: str) -> Registry[Any]:
        return Registry(kind, harvest.entries[hook], lister=lister, broken=broken)

    return Catalog(
        architectures=registry("model", "zoo_architectures", "zoo list models"),
        datasets=registry("data set", "zoo_datasets", "zoo list data"),
        recipes=registry("recipe", "zoo_recipes", "zoo list recipes"),
        metrics=registry("metric", "zoo_metrics", "zoo list metrics"),
        listeners=registry("listener", "zoo_listeners", "zoo list listeners"),
        commands=dict(sorted(harvest.commands.items())),
        plugins=tuple(harvest.plugins),
    )


@functools.lru_cache(maxsize=None)
def code_hash(provider: Provider) -> str:
    """Return the SHA-256 of a plugin's Python source (a file, or all ``*.py`` of a folder), or ``""``.

    It goes into the identity of a result, so that editing a plugin runs its trials again.
    """
    path = Path(provider.source)
    if not provider.source or not path.exists():
        return ""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
        relative = file.relative_to(path).as_posix() if path.is_dir() else file.name
        content = file.read_bytes()
        digest.update(f"{relative}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _find(sources: Sources) -> Iterator[_Found]:
    if sources.builtin:
        yield from _find_builtin()
    if sources.entry_points:
        yield from _find_entry_points()
    for file in dict.fromkeys(sources.files):
        yield _find_file(file)


def _find_builtin() -> Iterator[_Found]:
    own = _distribution_version("zoobench")
    for module in importlib.import_module(_BUILTIN_PACKAGE).BUILTIN:
        provider = Provider(
            name=module.removeprefix(f"{_BUILTIN_PACKAGE}."),
            origin="built-in",
            module=module,
            distribution="zoobench",
            version=own,
        )
        yield _Found(
            provider=provider,
            namespace=_BUILTIN_NAMESPACE,
            load=functools.partial(importlib.import_module, module),
        )


def _find_entry_points() -> Iterator[_Found]:
    points = importlib.metadata.entry_points(group=hookspecs.PROJECT)
    for point in sorted(set(points), key=lambda each: (each.name, each.value)):
        name = point.dist.name if point.dist else ""
        provider = Provider(
            name=point.name,
            origin="entry point",
            module=point.value,
            distribution=name,
            version=point.dist.version if point.dist else "",
        )
        yield _Found(provider=provider, namespace=slug(point.name), load=point.load)


def _find_file(file: str) -> _Found:
    path = Path(file).resolve()
    provider = Provider(name=path.stem, origin="file", module=str(file), source=str(path))
    return _Found(provider=provider, namespace=slug(path.stem), load=functools.partial(_import_file, path))


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    # The name holds a hash, so that two files called models.py are two modules, and neither shadows a real one.
    name = f"_zoo_file_{re.sub(r'[^0-9a-zA-Z_]', '_', path.stem)}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _load(found: _Found, harvest: _Harvest) -> Plugin:
    start = time.perf_counter()
    provider = found.provider
    try:
        module = found.load()
        provider = replace(provider, source=provider.source or _source_of(module))
        records = list(_call_hooks(module, provider.name))
        provides = _add(records, provider, found.namespace, harvest)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise anything, SystemExit included
        return Plugin(
            provider=provider,
            state="broken",
            problem=_one_sentence(error),
            traceback=traceback.format_exc(),
            import_seconds=time.perf_counter() - start,
        )
    return Plugin(
        provider=provider,
        state="loaded",
        provides=provides,
        import_seconds=time.perf_counter() - start,
    )


def _call_hooks(module: Any, name: str) -> Iterator[tuple[str, Any]]:
    # A manager for each plugin: check_pending then speaks of this one only.
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(module, name)
    _check_hooks(manager, module)
    for hook, record_type in [*_RECORDS.items(), ("zoo_commands", None)]:
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            records = implementation.function()
            if not isinstance(records, Iterable) or isinstance(records, str):
                raise _Nonsense(f"{hook} returned {type(records).__name__}, not records")
            for record in records:
                if record_type is not None and not isinstance(record, record_type):
                    raise _Nonsense(f"{hook} yielded {type(record).__name__}, not {record_type.__name__}")
                yield hook, record


def _check_hooks(manager: pluggy.PluginManager, module: Any) -> None:
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        known = ", ".join([*_RECORDS, "zoo_commands"])
        raise _Nonsense(f"{str(error).splitlines()[0]}; the hooks are {known}") from None
    if not manager.get_hookcallers(module):
        raise _Nonsense("it has no function marked with @hookimpl")


def _add(
    records: list[tuple[str, Any]], provider: Provider, namespace: str, harvest: _Harvest
) -> dict[str, tuple[str, ...]]:
    """Add all of a plugin's records or, if any of them clashes, none."""
    new: dict[str, dict[str, Entry[Any]]] = {hook: {} for hook in _RECORDS}
    commands: dict[str, Any] = {}
    for hook, record in records:
        if hook == "zoo_commands":
            name = check_name(getattr(record, "name", None), "command name")
            if name in commands or name in harvest.commands:
                owner = harvest.command_owners.get(name, provider.name)
                raise _Nonsense(f"command {name!r} is already provided by plugin {owner!r}")
            commands[name] = record
            continue
        name = full_name(record.namespace or namespace, record.name)
        earlier = harvest.entries[hook].get(name) or new[hook].get(name)
        if earlier:
            raise _Nonsense(
                f"{hook} yielded {name!r}, which {_described(earlier.provider)} already provides; "
                "give it another name or namespace"
            )
        new[hook][name] = Entry(record=record, full_name=name, provider=provider)
    for hook, entries in new.items():
        harvest.entries[hook].update(entries)
    harvest.commands.update(commands)
    harvest.command_owners.update(dict.fromkeys(commands, provider.name))
    provides = {hook.removeprefix("zoo_"): tuple(entries) for hook, entries in new.items() if entries}
    if commands:
        provides["commands"] = tuple(commands)
    return provides


def _described(provider: Provider) -> str:
    origin = f" {provider.version} of {provider.distribution}" if provider.distribution else ""
    return f"plugin {provider.name!r}{origin} ({provider.module})"


def _source_of(module: Any) -> str:
    """Return the folder of a plugin's package, or its file where it is a module on its own."""
    name = module.__name__ if isinstance(module, ModuleType) else getattr(module, "__module__", "")
    file = getattr(sys.modules.get(name), "__file__", None)
    if not file:
        return ""
    in_package = "." in name or Path(file).name == "__init__.py"
    return str(Path(file).parent if in_package else Path(file))


def _one_sentence(error: BaseException) -> str:
    if isinstance(error, _Nonsense):
        return str(error)
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r}) while loading"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


@functools.lru_cache(maxsize=None)
def _distribution_version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
