"""Worker: the functions that run in separate processes. They take and return plain data."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoo.catalog import Catalog, Entry, Plugin
from zoo.errors import AmbiguousNameError, ManyErrors, PluginError, UnknownNameError, ZooError
from zoo.loading import Sources, build_catalog
from zoo.names import is_pattern, near_names
from zoo.testing.checks import CHECKS, checks_of
from zoo.testing.subjects import KINDS, Subject
from zoo.testing.verdicts import judge


def find_subjects(sources: dict[str, Any], targets: list[str], only: list[str], slow: bool) -> dict[str, Any]:
    """Find the plugins and records that *targets* name: files, plugins, distributions, records or patterns.

    Returns:
        ``plugins``: plugins that are targets, each with its name and its problem, which is empty if it loads.
        ``records``: kind, full name, name as typed, argument, and IDs of checks.

    Raises:
        ZooError: For unknown targets, all of them together.
    """
    catalog = build_catalog(Sources(**sources))
    plugins: dict[str, dict[str, str]] = {}
    records: dict[tuple[str, str, str], dict[str, Any]] = {}
    errors: list[ZooError] = []
    for target in targets:
        try:
            found_plugins, entries = _find(target, catalog)
        except ZooError as error:
            errors.append(error)
            continue
        for plugin in found_plugins:
            described = {"name": plugin.provider.name, "problem": plugin.problem, "traceback": plugin.traceback}
            plugins.setdefault(plugin.provider.module, described)
        for each in entries:
            records.setdefault(
                (each.kind, each.full_name, each.argument),
                {
                    "kind": each.kind,
                    "full_name": each.full_name,
                    "name": f"{each.name}:{each.argument}" if each.argument else each.name,
                    "argument": each.argument,
                    "checks": [check.id for check in checks_of(each.kind, only=only, slow=slow)],
                },
            )
    ManyErrors.raise_if(errors)
    return {"plugins": list(plugins.values()), "records": list(records.values())}


def run_check(
    sources: dict[str, Any], kind: str, full_name: str, argument: str, data_root: str, check: str
) -> dict[str, Any]:
    """Run one check of one record, and return its verdict."""
    catalog = build_catalog(Sources(**sources))
    record = catalog.commands[full_name] if kind == "commands" else getattr(catalog, kind).get(full_name).record
    subject: Subject[Any] = Subject(record=record, argument=argument, data_root=Path(data_root))
    (found,) = (each for each in CHECKS if each.id == check)
    return dataclasses.asdict(judge(found, subject))


@dataclass(frozen=True, slots=True)
class _Found:
    """A record that a target names."""

    kind: str
    full_name: str
    name: str
    """Name as a user types it, without the argument."""
    module: str
    """Module of its plugin."""
    argument: str = ""


def _find(target: str, catalog: Catalog) -> tuple[list[Plugin], list[_Found]]:
    plugins = [plugin for plugin in catalog.plugins if _is_called(plugin, target)]
    if plugins:
        modules = {plugin.provider.module for plugin in plugins}
        return plugins, [each for each in _everything(catalog) if each.module in modules]
    found: list[_Found] = []
    telling: list[ZooError] = []
    for kind in KINDS:
        if kind == "commands":
            found += [each for each in _commands(catalog) if fnmatch.fnmatchcase(each.name, target)]
            continue
        registry = getattr(catalog, kind)
        name, colon, argument = target.partition(":") if kind == "datasets" else (target, "", "")
        if is_pattern(name):
            found += [_found(kind, entry) for entry in registry.match(name)]
            continue
        try:
            entry = registry.get(name)
        except (AmbiguousNameError, PluginError) as error:
            telling.append(error)
        except UnknownNameError:
            continue
        else:
            if colon and not entry.record.argument:
                telling.append(PluginError(f"dataset {name!r} takes no argument, but was given {argument!r}"))
            else:
                found.append(replace(_found(kind, entry), argument=argument))
    if telling and not found:
        raise telling[0]
    if not found:
        names = [each.name for each in _everything(catalog)]
        names += [plugin.provider.name for plugin in catalog.plugins]
        raise UnknownNameError(
            "plugin, model, dataset, recipe, metric, listener, executor, runtime, report format or plugin command",
            target,
            near=near_names(target, names),
            hint="(zoo plugins and zoo list models, data, recipes … list all)",
        )
    return [], found


def _everything(catalog: Catalog) -> Iterator[_Found]:
    for kind in KINDS:
        if kind == "commands":
            yield from _commands(catalog)
        else:
            yield from (_found(kind, entry) for entry in getattr(catalog, kind))


def _found(kind: str, entry: Entry[Any]) -> _Found:
    return _Found(kind, entry.full_name, entry.display_name, entry.provider.module)


def _commands(catalog: Catalog) -> Iterator[_Found]:
    """Yield the commands of plugins, which go by one name."""
    for plugin in catalog.plugins:
        for name in plugin.provides.get("commands", ()):
            yield _Found("commands", name, name, plugin.provider.module)


def _is_called(plugin: Plugin, target: str) -> bool:
    provider = plugin.provider
    if target in (provider.name, provider.module):
        return True
    # Package indexes compare names like this: my_models is my-models.
    return bool(provider.distribution) and _canonical(target) == _canonical(provider.distribution)


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
