"""Reach: the modules and libraries that code depends on, found by following imports without running any code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.code.locating import Located, Owner, locate
from harness.code.source import Import, Source, read_source


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """The modules and libraries that code depends on."""

    modules: dict[str, str]
    """Digest of each module of the plugin, by name."""
    libraries: tuple[str, ...]
    """Distributions that these modules import."""
    files: frozenset[Path] = frozenset()
    """Files that were read for this."""


def reach(roots: Mapping[str, frozenset[str]], owner: Owner) -> Reach:
    """Return the modules and libraries that code depends on.

    A module counts as a whole, with all imports that its code uses. A module that is imported and not used, as in an
    ``__init__.py`` that only collects names, counts only if importing it has effects.

    Args:
        roots: Names of modules, each with the names of the hook functions in it that count.
        owner: The plugin that the code belongs to.
    """
    walk = _Walk(owner, roots)
    walk.run()
    return Reach(
        modules=dict(sorted(walk.modules.items())),
        libraries=tuple(sorted(walk.libraries)),
        files=frozenset(walk.files),
    )


def all_files(module: str, owner: Owner) -> frozenset[Path]:
    """Return the files of a module and of all that it imports of the plugin, used or not."""
    walk = _Walk(owner, {})
    walk.use_all(module)
    return frozenset(walk.files)


class _Walk:
    """Follows imports and collects the modules and libraries that they lead to."""

    def __init__(self, owner: Owner, roots: Mapping[str, frozenset[str]]) -> None:
        self._owner, self._roots = owner, roots
        self.modules: dict[str, str] = {}
        self.libraries: set[str] = set()
        self.files: set[Path] = set()
        self._located: dict[str, Located | None] = {}
        self._done: set[tuple[str, str]] = set()

    def run(self) -> None:
        for name in self._roots:
            self.visit(name)

    def visit(self, name: str) -> None:
        """Add a module and the imports that its code uses."""
        found = self._locate(name)
        if found is None or not self._is_new("visit", name):
            return
        self.libraries.update(found.libraries)
        source = self._source(found)
        if source is None:
            return
        assert found.file is not None
        self.modules[found.label] = source.digest[:16]
        self._load_parents(name)
        for each in source.imports:
            if source.uses(each):
                self._follow(each, source)
            else:
                self._load_import(each)
        if source.imports_computed_names:
            self._visit_all(name)

    def _follow(self, imported: Import, source: Source) -> None:
        """Add the part of an import that code uses."""
        if imported.name == "*":
            self.use_all(imported.module)
        elif imported.name and self._locate(f"{imported.module}.{imported.name}") is None:
            self._use_name(imported.module, imported.name)
        else:
            module = f"{imported.module}.{imported.name}" if imported.name else imported.module
            self._load(module)
            # ``import a.b`` binds a, and what is used is written a.b.c.
            root = module if imported.name or imported.bound != module.partition(".")[0] else imported.bound
            for chain in source.chains:
                if chain[0] == imported.bound:
                    self._use_chain(root, chain[1:])
            if not imported.bound or source.uses_all:
                self.use_all(module)

    def _use_chain(self, module: str, names: tuple[str, ...]) -> None:
        for place, name in enumerate(names):
            below = f"{module}.{name}"
            if self._locate(below) is None:
                self._use_name(module, name)
                return
            self._load_parents(below)
            module = below
            if place == len(names) - 1:
                break
        self.use_all(module)

    def _use_name(self, module: str, name: str) -> None:
        """Add a module with a name that is used, and the origin of the name if the module has imported it."""
        if not self._is_new(f"use {name}", module):
            return
        found = self._locate(module)
        source = self._source(found) if found is not None else None
        if source is None:
            self.visit(module)
            return
        brought = [each for each in source.imports if each.bound == name]
        if not brought or any(source.uses(each) for each in brought):
            self.visit(module)
        else:
            self._load(module)
        for each in source.imports:
            if each.bound == name or each.name == "*":
                self._take(each)

    def use_all(self, module: str) -> None:
        """Add a module and all its imports, because which of its names are used is unknown."""
        if not self._is_new("use all", module):
            return
        self.visit(module)
        found = self._locate(module)
        source = self._source(found) if found is not None else None
        for each in source.imports if source is not None else ():
            self._take(each)

    def _take(self, imported: Import) -> None:
        """Add everything that an import provides, whichever part is used."""
        if imported.name == "*":
            self.use_all(imported.module)
        elif imported.name and self._locate(f"{imported.module}.{imported.name}") is None:
            self._use_name(imported.module, imported.name)
        else:
            self.use_all(f"{imported.module}.{imported.name}" if imported.name else imported.module)

    def _load_import(self, imported: Import) -> None:
        self._load(imported.module)
        if imported.name and imported.name != "*" and self._locate(f"{imported.module}.{imported.name}") is not None:
            self._load(f"{imported.module}.{imported.name}")

    def _load(self, module: str) -> None:
        """Add a module that is imported and not used, if importing it has effects."""
        found = self._locate(module)
        if found is None or not self._is_new("load", module):
            return
        source = self._source(found)
        self._load_parents(module)
        if source is None:
            return
        if source.has_effects:
            self.visit(module)
            return
        for each in source.imports:
            self._load_import(each)

    def _load_parents(self, module: str) -> None:
        parent = module.rpartition(".")[0]
        if parent:
            self._load(parent)

    def _visit_all(self, name: str) -> None:
        """Add every module of a package, because the name of the imported one is computed."""
        root = name.partition(".")[0]
        package = self._locate(root)
        for folder in package.folders if package is not None and not package.libraries else ():
            for path in sorted(Path(folder).rglob("*.py")):
                parts = path.relative_to(folder).with_suffix("").parts
                self.visit(".".join([root, *(parts[:-1] if parts[-1] == "__init__" else parts)]))

    def _source(self, found: Located) -> Source | None:
        if found.file is None:
            return None
        self.files.add(found.file)
        hooks = self._roots.get(found.name, frozenset())
        return read_source(found.file, module=found.name, is_package=found.is_package, hooks=hooks)

    def _locate(self, name: str) -> Located | None:
        if name not in self._located:
            self._located[name] = locate(name, self._owner)
        return self._located[name]

    def _is_new(self, what: str, name: str) -> bool:
        is_new = (what, name) not in self._done
        self._done.add((what, name))
        return is_new
