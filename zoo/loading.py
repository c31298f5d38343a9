"""Loading: find all plugins, import each on its own, and build a catalog of their records.

A plugin that raises, exits or yields invalid records affects only itself: the catalog lists it as broken, with the
cause. A plugin that the user does not allow (:mod:`zoo.trust`) is listed as blocked, and is never imported. There is no
global catalog: each call builds a new one.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from zoo import hookspecs
from zoo.architecture import Architecture
from zoo.calling.containment import LeftError, contained
from zoo.catalog import Catalog, Entry, Plugin, Provider, Registry
from zoo.dataset import Dataset
from zoo.errors import PluginError
from zoo.executor import Executor
from zoo.finding import Found, SetAsideError, find
from zoo.finding import Sources as Sources
from zoo.listener import Listener
from zoo.metric import Metric
from zoo.names import check_name, full_name
from zoo.recipe import Recipe
from zoo.report_format import ReportFormat
from zoo.runtime import Runtime
from zoo.text import error_text
from zoo.trust import VARIABLE

_RECORDS: dict[str, type] = {
    "zoo_architectures": Architecture,
    "zoo_datasets": Dataset,
    "zoo_recipes": Recipe,
    "zoo_metrics": Metric,
    "zoo_listeners": Listener,
    "zoo_executors": Executor,
    "zoo_runtimes": Runtime,
    "zoo_report_formats": ReportFormat,
}
_HOOKS = (*_RECORDS, "zoo_commands")
_MAX_RECORDS = 100_000
"""Maximum number of records of one hook of one plugin; timm has fewer than 2,000 models."""


@dataclass(kw_only=True)
class _Harvest:
    """The records collected so far."""

    entries: dict[str, dict[str, Entry[Any]]] = field(default_factory=lambda: {hook: {} for hook in _RECORDS})
    commands: dict[str, Any] = field(default_factory=dict)
    command_owners: dict[str, Provider] = field(default_factory=dict)
    plugins: list[Plugin] = field(default_factory=list)


class _Nonsense(Exception):
    """A plugin yielded something invalid; the message says what."""


def build_catalog(sources: Sources = Sources(), *, hooks: Collection[str] | None = None) -> Catalog:
    """Load all plugins of *sources* and return the catalog of their records.

    Args:
        sources: Where to look for plugins.
        hooks: Names of the hooks to call, such as ``zoo_metrics``; None: all. The other registries stay empty.

    Raises:
        PluginError: With ``sources.strict``, if any plugin is broken.
    """
    harvest = _Harvest()
    for found in find(sources):
        harvest.plugins.append(_load(found, harvest, hooks))
    absent = tuple(plugin for plugin in harvest.plugins if plugin.state != "loaded")
    broken = [plugin for plugin in absent if plugin.state == "broken"]
    if sources.strict and broken:
        listed = "; ".join(f"{plugin.provider.name}: {plugin.problem}" for plugin in broken)
        raise PluginError(f"{len(broken)} broken plugin(s): {listed}")

    def registry(kind: str, hook: str, lister: str) -> Registry[Any]:
        return Registry(kind, harvest.entries[hook], lister=lister, absent=absent)

    return Catalog(
        architectures=registry("model", "zoo_architectures", "zoo list models"),
        datasets=registry("dataset", "zoo_datasets", "zoo list data"),
        recipes=registry("recipe", "zoo_recipes", "zoo list recipes"),
        metrics=registry("metric", "zoo_metrics", "zoo list metrics"),
        listeners=registry("listener", "zoo_listeners", "zoo list listeners"),
        executors=registry("executor", "zoo_executors", "zoo list executors"),
        runtimes=registry("runtime", "zoo_runtimes", "zoo list runtimes"),
        report_formats=registry("report format", "zoo_report_formats", "zoo plugins"),
        commands=dict(sorted(harvest.commands.items())),
        plugins=tuple(harvest.plugins),
    )


def list_plugins(sources: Sources = Sources()) -> tuple[Plugin, ...]:
    """Return the plugins of *sources*, each ``found``, ``blocked`` or ``set aside``, without importing any."""
    return tuple(_not_loaded(found) for found in find(sources))


def _not_loaded(found: Found) -> Plugin:
    state = "blocked" if found.refusal else "set aside" if found.set_aside else "found"
    return Plugin(provider=found.provider, state=state, problem=found.refusal or found.set_aside)


def _load(found: Found, harvest: _Harvest, hooks: Collection[str] | None) -> Plugin:
    if found.refusal:
        return _not_loaded(found)
    start = time.perf_counter()
    provider = found.provider
    implemented: tuple[str, ...] = ()
    try:
        with contained(f"importing plugin {provider.name!r}", provider):
            module = found.load()
            provider = replace(provider, source=provider.source or _source_of(module, provider))
            manager = _register(module, provider.name)
            implemented = tuple(hook for hook in _HOOKS if getattr(manager.hook, hook).get_hookimpls())
            records = list(_call_hooks(manager, [hook for hook in implemented if hooks is None or hook in hooks]))
        provides = _add(records, provider, harvest)
    except Exception as error:  # a plugin may raise anything
        return Plugin(
            provider=provider,
            state="broken",
            hooks=implemented,
            problem=_one_sentence(error),
            traceback=traceback.format_exc(),
            import_seconds=time.perf_counter() - start,
        )
    return Plugin(
        provider=provider,
        state="loaded",
        hooks=implemented,
        provides=provides,
        import_seconds=time.perf_counter() - start,
    )


def _register(module: Any, name: str) -> pluggy.PluginManager:
    # One manager for each plugin, so that check_pending reports on this plugin only.
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(module, name)
    _check_hooks(manager, module)
    return manager


def _call_hooks(manager: pluggy.PluginManager, hooks: Iterable[str]) -> Iterator[tuple[str, Any]]:
    for hook in hooks:
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            records = implementation.function()
            if not isinstance(records, Iterable) or isinstance(records, str):
                raise _Nonsense(f"{hook} returned {type(records).__name__}, not records")
            wanted = _record_type(hook)
            for number, record in enumerate(records, 1):
                if not isinstance(record, wanted):
                    raise _Nonsense(f"{hook} yielded {type(record).__name__}, not {wanted.__name__}")
                if number > _MAX_RECORDS:
                    raise _Nonsense(f"{hook} yielded more than {_MAX_RECORDS:,} records, so it seems to be endless")
                yield hook, record


def _record_type(hook: str) -> type:
    if hook == "zoo_commands":
        import click  # here, so that scripts which only list models do without it

        return click.Command
    return _RECORDS[hook]


def _check_hooks(manager: pluggy.PluginManager, module: Any) -> None:
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise _Nonsense(f"{str(error).splitlines()[0]}; the hooks are {', '.join(_HOOKS)}") from None
    if not manager.get_hookcallers(module):
        raise _Nonsense("it has no function marked with @hookimpl")


def _add(records: list[tuple[str, Any]], provider: Provider, harvest: _Harvest) -> dict[str, tuple[str, ...]]:
    """Add all records of a plugin, or none if one of them clashes."""
    new: dict[str, dict[str, Entry[Any]]] = {hook: {} for hook in _RECORDS}
    commands: dict[str, Any] = {}
    for hook, record in records:
        if hook == "zoo_commands":
            name = check_name(getattr(record, "name", None), "command name")
            if name in commands:
                raise _Nonsense(f"{hook} yielded command {name!r} twice")
            if name in harvest.commands:
                owner = harvest.command_owners[name]
                raise _Nonsense(
                    f"{hook} of {provider.origin_sentence} yielded command {name!r}, which {_described(owner)} "
                    f"already provides; give it another name{_way_out(provider, owner)}"
                )
            commands[name] = record
            continue
        name = full_name(record.namespace or provider.namespace, record.name)
        if name in new[hook]:
            raise _Nonsense(f"{hook} yielded {name!r} twice")
        earlier = harvest.entries[hook].get(name)
        if earlier:
            raise _Nonsense(
                f"{hook} of {provider.origin_sentence} yielded {name!r}, which {_described(earlier.provider)} "
                f"already provides; give it another name or namespace{_way_out(provider, earlier.provider)}"
            )
        new[hook][name] = Entry(record=record, full_name=name, provider=provider)
    for hook, entries in new.items():
        harvest.entries[hook].update(entries)
    harvest.commands.update(commands)
    harvest.command_owners.update(dict.fromkeys(commands, provider))
    provides = {hook.removeprefix("zoo_"): tuple(entries) for hook, entries in new.items() if entries}
    if commands:
        provides["commands"] = tuple(commands)
    return provides


def _described(provider: Provider) -> str:
    origin = f" of {provider.origin_sentence}" if provider.distribution else ""
    return f"plugin {provider.name!r}{origin} ({provider.module})"


def _way_out(later: Provider, earlier: Provider) -> str:
    """Return how a user can leave out one of two plugins that clash."""
    installed = [each for each in (later, earlier) if each.origin == "entry point"]
    # A plugin's own name blocks it alone, but two may share that; then it takes the distribution's.
    is_named_alike = later.name == earlier.name
    choices = dict.fromkeys(
        f"{VARIABLE}=-{each.distribution if is_named_alike and each.distribution else each.name}" for each in installed
    )
    return f", or leave one out with {' or '.join(choices)}" if choices else ""


def _source_of(module: Any, provider: Provider) -> str:
    """Return the folder of a plugin's package, or its file where it is a module on its own.

    The plugin module of a third party may be a thin layer, so its whole package counts. For a built-in its subpackage
    is enough, since built-ins of one kind use nothing of another kind.
    """
    name = module.__name__ if isinstance(module, ModuleType) else getattr(module, "__module__", "")
    parts = name.split(".")
    packages = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    if provider.origin == "built-in":
        packages = packages[-2:]
    for package in packages:
        # A namespace package, which others may share, has no file.
        file = getattr(sys.modules.get(package), "__file__", None)
        if file:
            return str(Path(file).parent if Path(file).name == "__init__.py" else Path(file))
    return ""


def _one_sentence(error: BaseException) -> str:
    if isinstance(error, (_Nonsense, SetAsideError)):
        return str(error)
    if isinstance(error, LeftError):
        return f"{error} while loading"
    return error_text(error)
