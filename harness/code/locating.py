"""Locating: where a module is, without importing it, and whose it is."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path

from harness.code.distributions import claimants, normal, owners
from harness.code.imported import check_copy

FILE_PREFIX = "_zoo_file_"
"""Start of the names of modules that ``--plugin FILE`` makes; the rest changes with the file's content."""
_ELSEWHERE = {"zoo", "harness", "reports", "torch"}
"""Packages that result keys hold otherwise: zoo's by the version of the engine, torch by its own."""
_BUILT_INS = "plugins"
"""Package of the built-ins; that it is zoo's own is checked where plugins are found."""
_NEUTRAL = {
    "huggingface-hub", "requests", "urllib3", "httpx", "tqdm", "filelock", "click", "rich", "packaging", "pluggy",
    "pydantic", "typing-extensions", "pytest", "platformdirs",
}  # fmt: skip
"""Libraries that download, print or check, but compute no prediction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """Whom code belongs to: where its own modules are sought."""

    distribution: str = ""
    """The plugin's distribution; empty for a file."""
    folder: Path | None = None
    """The folder of the plugin's file, where its siblings lie."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Located:
    """A module that was found, or what stands for it."""

    name: str
    label: str
    """Its name as identities state it, which is the same on all machines."""
    file: Path | None = None
    """Its source if it is the plugin's own."""
    is_package: bool = False
    folders: tuple[str, ...] = ()
    """Where its submodules are sought."""
    libraries: tuple[str, ...] = ()
    """Distributions that it belongs to if it is not the plugin's own."""


def locate(name: str, owner: Owner) -> Located | None:
    """Return where the module *name* is; None if it does not count: of Python itself, of zoo, or a neutral library.

    A module that no distribution holds, such as a file beside the plugin's or on ``PYTHONPATH``, is its own code.
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
    """Check that a top-level module that no distribution holds hides none that one does.

    Raises:
        PluginError: If it does, as the record would name that distribution.
    """
    top = find_spec(root, owner.folder)
    if root != _BUILT_INS and top is not None and top.origin and top.has_location:
        for distribution in claimants(root):
            check_copy(distribution, root, Path(top.origin))


def find_spec(name: str, folder: Path | None = None) -> ModuleSpec | None:
    """Return the spec of a module, without importing it or its packages.

    Args:
        name: Its absolute name.
        folder: Where a top-level module is sought that is on no path, as plugins may add their folder when they run.
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
    if folder is not None and not parent and (sibling := _sibling(name, folder)) is not None:
        return sibling
    spec = getattr(sys.modules.get(name), "__spec__", None)  # one that was made without a finder, as of a plugin's file
    return spec if isinstance(spec, ModuleSpec) else None


def _path_of_trials() -> list[str]:
    """Return where the processes of trials look for modules: as this one does, but never in the working folder."""
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


def _sibling(name: str, folder: Path) -> ModuleSpec | None:
    for path in (folder / name / "__init__.py", folder / f"{name}.py"):
        if path.is_file():
            return spec_from_file_location(name, path)
    return None
