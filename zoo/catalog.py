"""The catalog: all records of all plugins, by name, each with its provider."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Generic, TypeVar

from zoo.architecture import Architecture
from zoo.dataset import Dataset
from zoo.errors import AmbiguousNameError, PluginError, UnknownNameError
from zoo.executor import Executor
from zoo.listener import Listener
from zoo.metric import Metric
from zoo.names import near_names
from zoo.recipe import Recipe
from zoo.report_format import ReportFormat
from zoo.runtime import Runtime

RecordT = TypeVar("RecordT", Architecture, Dataset, Recipe, Metric, Listener, Executor, Runtime, ReportFormat)


@dataclass(frozen=True, kw_only=True, slots=True)
class Provider:
    """The origin of the records of a plugin."""

    name: str
    """Name of the plugin: of its entry point, its file or its built-in module."""
    origin: str
    """How it was found: ``built-in``, ``entry point`` or ``file``."""
    module: str
    """Dotted name of its module, or path of its file."""
    namespace: str = ""
    """First half of the full names of records without a namespace."""
    distribution: str = ""
    """Distribution that contains it; empty for a file."""
    version: str = ""
    """Version of the distribution; empty for a file."""
    source: str = ""
    """File or folder of its code."""

    @property
    def origin_sentence(self) -> str:
        """Distribution and version for use in a sentence, such as ``zoo-nets 1.2``, or the path of a file."""
        return f"{self.distribution} {self.version}".strip() if self.distribution else self.module


@dataclass(frozen=True, kw_only=True, slots=True)
class Plugin:
    """A plugin: loaded, broken, blocked, set aside, or only found."""

    provider: Provider
    state: str
    """``loaded``, ``broken``, ``blocked`` (see :mod:`zoo.trust`), or, without imports, ``found`` or ``set aside``."""
    hooks: tuple[str, ...] = ()
    """Names of the hooks that it implements."""
    provides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Full names of its records by kind."""
    problem: str = ""
    """One sentence if it is broken or blocked."""
    traceback: str = ""
    """Traceback of the error if it is broken."""
    import_seconds: float = 0.0
    """Time to import it and collect its records."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry(Generic[RecordT]):
    """A record in the catalog."""

    record: RecordT
    full_name: str
    provider: Provider
    ambiguous: bool = False
    """Whether another record of its kind has the same short name."""

    @property
    def display_name(self) -> str:
        """Short name if it is unambiguous, else the full name."""
        return self.record.name if self.record.short and not self.ambiguous else self.full_name


class Registry(Generic[RecordT]):
    """The records of one kind, sorted by full name."""

    def __init__(
        self, kind: str, entries: Mapping[str, Entry[RecordT]], *, lister: str, absent: tuple[Plugin, ...] = ()
    ) -> None:
        self.kind = kind
        claims = Counter(entry.record.name for entry in entries.values() if entry.record.short)
        self._entries: dict[str, Entry[RecordT]] = {
            full_name: replace(entry, ambiguous=True) if claims[entry.record.name] > 1 else entry
            for full_name, entry in sorted(entries.items())
        }
        self._lister = lister
        self._absent = absent

    def __iter__(self) -> Iterator[Entry[RecordT]]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self._find(name))

    @cached_property
    def _by_short_name(self) -> dict[str, list[Entry[RecordT]]]:
        index: dict[str, list[Entry[RecordT]]] = {}
        for entry in self:
            if entry.record.short:
                index.setdefault(entry.record.name, []).append(entry)
        return index

    def _find(self, name: str) -> list[Entry[RecordT]]:
        if name in self._entries:
            return [self._entries[name]]
        return self._by_short_name.get(name, [])

    def get(self, name: str) -> Entry[RecordT]:
        """Return the entry with a short or full *name*.

        Raises:
            UnknownNameError: If there is none.
            AmbiguousNameError: If several providers claim the short name.
            PluginError: If it belongs to a broken or blocked plugin.
        """
        found = self._find(name)
        if len(found) == 1:
            return found[0]
        if found:
            owners = {entry.full_name: entry.provider.origin_sentence for entry in found}
            raise AmbiguousNameError(self.kind, name, owners=owners)
        namespace, _, _ = name.rpartition("/")
        for plugin in self._absent:
            # Built-ins share a namespace, so a name may belong to another one than the broken one.
            if plugin.provider.origin != "built-in" and namespace == plugin.provider.namespace:
                owner = f"plugin {plugin.provider.name!r}, which is {plugin.state}: {plugin.problem}"
                raise PluginError(f"{self.kind} {name!r} belongs to {owner}")
        hint = f"({self._lister} lists all)"
        if self._absent:
            states = {plugin.state: None for plugin in self._absent}
            names = ", ".join(plugin.provider.name for plugin in self._absent)
            hint = f"({self._lister} lists all; {' or '.join(states)} plugins, see zoo plugins: {names})"
        if len(words := name.split()) > 1 and any(word in self for word in words):
            raise UnknownNameError(self.kind, name, hint="separate names with commas")
        candidates = self._entries if "/" in name else self._by_short_name
        raise UnknownNameError(self.kind, name, near=near_names(name, candidates), hint=hint)

    def match(self, pattern: str) -> list[Entry[RecordT]]:
        """Return the entries that match a shell-style *pattern*, in natural order.

        A pattern with a slash is matched with full names, one without a slash with short names.
        """
        if "/" in pattern:
            found = [entry for entry in self if fnmatch.fnmatchcase(entry.full_name, pattern)]
        else:
            found = [entry for entry in self if entry.record.short and fnmatch.fnmatchcase(entry.record.name, pattern)]
        return sorted(found, key=lambda entry: _natural(entry.full_name))


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """All records that can be selected, and the plugins that provide them."""

    architectures: Registry[Architecture]
    datasets: Registry[Dataset]
    recipes: Registry[Recipe]
    metrics: Registry[Metric]
    listeners: Registry[Listener]
    executors: Registry[Executor]
    runtimes: Registry[Runtime]
    report_formats: Registry[ReportFormat]
    commands: Mapping[str, Any]
    """Subcommands of plugins by name: ``click.Command`` objects."""
    plugins: tuple[Plugin, ...]


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Return a sort key that orders resnet20 before resnet110."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]
