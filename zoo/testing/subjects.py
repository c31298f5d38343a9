"""Subjects: the records under test, and where they come from."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

import click
import pluggy

from zoo import hookspecs
from zoo.architecture import Architecture
from zoo.catalog import Catalog
from zoo.dataset import Dataset
from zoo.errors import PluginError
from zoo.executor import Executor
from zoo.files.cache import data_root
from zoo.listener import Listener
from zoo.metric import Metric
from zoo.recipe import Recipe
from zoo.report_format import ReportFormat
from zoo.runtime import Runtime

RecordT = TypeVar(
    "RecordT", Architecture, Dataset, Recipe, Metric, Listener, Executor, Runtime, ReportFormat, click.Command
)
Record = Architecture | Dataset | Recipe | Metric | Listener | Executor | Runtime | ReportFormat | click.Command

KINDS: dict[str, type] = {
    "architectures": Architecture,
    "datasets": Dataset,
    "recipes": Recipe,
    "metrics": Metric,
    "listeners": Listener,
    "executors": Executor,
    "runtimes": Runtime,
    "report_formats": ReportFormat,
    "commands": click.Command,
}
"""Types of records by the plural used in hooks, catalogs and checks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject(Generic[RecordT]):
    """A record under test."""

    record: RecordT
    argument: str = ""
    """Argument of a dataset, which follows the colon."""
    data_root: Path | None = None
    """Where datasets lie; None: ``$ZOO_DATA``, else in the cache. Nothing is downloaded."""

    @property
    def kind(self) -> str:
        """Kind of the record, in the plural."""
        return next(kind for kind, record_type in KINDS.items() if isinstance(self.record, record_type))

    @property
    def name(self) -> str:
        """Name as a user types it."""
        return f"{self.record.name}:{self.argument}" if self.argument else str(self.record.name)

    @property
    def root(self) -> Path:
        """The data root."""
        return data_root() if self.data_root is None else self.data_root


def subjects_of(
    what: str | Path | ModuleType | Record | Iterable[Record], *, arguments: Mapping[str, str] | None = None
) -> tuple[Subject[Any], ...]:
    """Return the records of a plugin as subjects.

    Args:
        what: A plugin module or its dotted name, the path of a file, a record, or several of them.
        arguments: Arguments for datasets that take one, by name.

    Raises:
        PluginError: If it is not a plugin, or yields something that is not a record.
    """
    given = arguments or {}
    return tuple(Subject(record=record, argument=str(given.get(record.name, ""))) for record in _records(what))


def _records(what: object) -> Iterator[Any]:
    if isinstance(what, tuple(KINDS.values())):
        yield what
    elif isinstance(what, ModuleType):
        yield from _records_of_module(what)
    elif isinstance(what, Path) or (isinstance(what, str) and what.endswith(".py")):
        yield from _records_of_file(Path(what))
    elif isinstance(what, str):
        yield from _records_of_module(importlib.import_module(what))
    elif isinstance(what, Iterable):
        for record in what:
            if not isinstance(record, tuple(KINDS.values())):
                raise PluginError(f"{type(record).__name__} is not a record that can be checked")
            yield record
    else:
        raise PluginError(f"{type(what).__name__} is neither a plugin nor a record")


def _records_of_module(module: ModuleType) -> Iterator[Any]:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(module)
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"{module.__name__}: {str(error).splitlines()[0]}") from error
    if not manager.get_hookcallers(module):
        raise PluginError(f"{module.__name__} is not a plugin: it has no function marked with @hookimpl")
    for kind, record_type in KINDS.items():
        for implementation in getattr(manager.hook, f"zoo_{kind}").get_hookimpls():
            for record in implementation.function():
                if not isinstance(record, record_type):
                    raise PluginError(f"zoo_{kind} yielded {type(record).__name__}, not {record_type.__name__}")
                yield record


def _records_of_file(path: Path) -> Iterator[Any]:
    from zoo.loading import Sources, build_catalog

    catalog = build_catalog(Sources(files=(str(path),), entry_points=False, builtin=False))
    for plugin in catalog.plugins:
        if plugin.state == "broken":
            raise PluginError(f"{path}: {plugin.problem}")
    for kind in KINDS:
        yield from records_in(catalog, kind)


def records_in(catalog: Catalog, kind: str) -> Iterator[Any]:
    """Yield the records of a kind in a catalog."""
    if kind == "commands":
        yield from catalog.commands.values()
    else:
        yield from (entry.record for entry in getattr(catalog, kind))
