"""Locating: where a module is, without importing it, and what it is part of."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path

from harness.code.distributions import claimants, normal, owners
from harness.code.imported import check_copy
from zoo.siblings import sibling_file

FILE_PREFIX = "_zoo_file_"
"""Prefix of the names of modules made from ``--plugin FILE``; the rest depends on the file's content."""
_ELSEWHERE = {"zoo", "harness", "reports", "torch"}
"""Packages that result keys cover in another way: zoo's by the engine's version, torch by its own version."""
_BUILT_INS = "plugins"
"""Package of the built-in plugins."""
_NEUTRAL = {
    "huggingface-hub", "requests", "urllib3", "httpx", "tqdm", "filelock", "click", "rich", "packaging", "pluggy",
    "pydantic", "typing-extensions", "pytest", "platformdirs",
}  # fmt: skip
"""Libraries that download, print or check, and do not affect predictions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """The plugin that code belongs to, and where its own modules are looked for."""

    distribution: str = ""
    """Distribution that the plugin belongs to; empty for a file."""
    folder: Path | None = None
    """The folder of the plugin's file, which may hold further modules of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Located:
    """A module that was found."""

    name: str
    label: str
    """Name in identities, which is the same on all machines."""
    file: Path | None = None
    """Source file, if it is part of the plugin."""
    is_package: bool = False
    folders: tuple[str, ...] = ()
    """Where its submodules are looked for."""
    libraries: tuple[str, ...] = ()
    """Distributions that it belongs to, if it is not part of the plugin."""


def locate(name: str, owner: Owner) -> Located | None:
    """Locate the module *name*; None if it does not count, being part of Python, of zoo or of a neutral library.

    A module outside all distributions, such as a file beside the plugin's or on ``PYTHONPATH``, is part of the plugin.
    """
    root = name.partition(".")[0]
    if root in sys.stdlib_module_names or root in _ELSEWHERE:
        return None
    spec = find_spec(name, owner.folder)
    if spec is None:
        top = find_spec(root, owner.folder) if "." in name else None
        if top is None:
            absent = owners(root, None) or (normal(root),)
            return None if set(absent) & _NEUTRAL else Located(name=name, label=name, libraries=absent)
        return None  # an attribute of a package, or a module that is not there
    file = Path(spec.origin) if spec.origin and spec.has_location else None
    names = owners(root, file)
    if not names and file is not None and not _is_beside(file, owner):
        _check_copy(root, owner)
    is_own = not names or (bool(owner.distribution) and normal(owner.distribution) in names)
    if not is_own:
        return None if set(names) & _NEUTRAL else Located(name=name, label=name, libraries=names)
    folders = tuple(spec.submodule_search_locations or ())
    is_file = name.startswith(FILE_PREFIX) and file is not None
    return Located(
        name=name,
        label=file.name if is_file and file is not None else name,
        file=file if file is not None and file.is_file() else None,
        is_package=spec.submodule_search_locations is not None,
        folders=folders,
    )


def _is_beside(file: Path, owner: Owner) -> bool:
    return owner.folder is not None and file.is_relative_to(owner.folder)


def _check_copy(root: str, owner: Owner) -> None:
    """Check that a top-level module outside all distributions does not hide one inside.

    Raises:
        PluginError: If it does, since the record would name that distribution.
    """
    top = find_spec(root, owner.folder)
    if root != _BUILT_INS and top is not None and top.origin and top.has_location:
        for distribution in claimants(root):
            check_copy(distribution, root, Path(top.origin))


def find_spec(name: str, folder: Path | None = None) -> ModuleSpec | None:
    """Return the spec of a module, without importing it or its packages.

    Args:
        name: Its absolute name.
        folder: The folder of a plugin's file, where to look for a module that is not on the path (:mod:`zoo.siblings`).
    """
    parent = name.rpartition(".")[0]
    path: Iterable[str] = _path_of_trials()
    if parent:
        package = find_spec(parent, folder)
        if package is None or package.submodule_search_locations is None:
            return None
        path = package.submodule_search_locations
    found = _found(name, path) or (_portion(name, path) if parent else None)
    if found is not None:
        return found
    if folder is not None and not parent and (sibling := sibling_file(name, folder)) is not None:
        return spec_from_file_location(name, sibling)
    spec = getattr(sys.modules.get(name), "__spec__", None)  # one that was made without a finder, as of a plugin's file
    return spec if isinstance(spec, ModuleSpec) else None


def _path_of_trials() -> list[str]:
    """Return where trials look for modules: where this process does, except in the working folder."""
    is_first = not sys.flags.safe_path and bool(sys.path) and sys.path[0] == str(Path.cwd())
    return [entry for entry in sys.path[is_first:] if entry]


def _found(name: str, path: Iterable[str]) -> ModuleSpec | None:
    for finder in sys.meta_path:
        try:
            found = finder.find_spec(name, list(path))
        except Exception:  # another's finder may raise anything; it does not find the module
            continue
        if found is not None:
            return found
    return None


def _portion(name: str, path: Iterable[str]) -> ModuleSpec | None:
    """Return the spec of a folder without ``__init__.py``, which is only found once its package is imported."""
    folders = [str(found) for each in path if (found := Path(each) / name.rpartition(".")[2]).is_dir()]
    if not folders:
        return None
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = folders
    return spec
