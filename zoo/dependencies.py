"""Dependencies: data files and libraries that a record declares, and which of the libraries are not installed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import PurePath

from zoo.errors import UsageError

_DISTRIBUTION = "zoobench"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*;\s*extra\s*==\s*[\"']([A-Za-z0-9._-]+)[\"']")


def check_dependencies(files: object, libraries: object, owner: str) -> None:
    """Check what a record declares.

    Args:
        files: Paths relative to the plugin's file.
        libraries: Names of distributions.
        owner: The record in a sentence.

    Raises:
        ValueError: If either is not a tuple of strings, or a path is absolute.
    """
    for what, names in (("files", files), ("libraries", libraries)):
        if not isinstance(names, tuple) or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"{owner}: {what} must be a tuple of strings, got {names!r}")
        if what == "files" and (absolute := [name for name in names if PurePath(name).is_absolute()]):
            raise ValueError(f"{owner}: the path {absolute[0]!r} of a data file must be relative to the plugin's file")


def require_libraries(libraries: Iterable[str], owner: str) -> None:
    """Check that libraries are installed, without importing them.

    Args:
        libraries: Names of distributions.
        owner: What needs them, at the beginning of a sentence: ``runtime 'onnx'``.

    Raises:
        UsageError: With what is missing and what installs it.
    """
    if sentence := missing_sentence(libraries, owner):
        raise UsageError(sentence)


def missing_sentence(libraries: Iterable[str], owner: str) -> str:
    """Return what *owner* needs of *libraries* that is not installed, and what installs it; empty if all are there."""
    missing = missing_libraries(libraries)
    if not missing:
        return ""
    *rest, last = missing
    listed = f"{', '.join(rest)} and {last}" if rest else last
    verb = "are" if rest else "is"
    return f"{owner} needs {listed}, which {verb} not installed: {how_to_install(missing)}"


def missing_libraries(libraries: Iterable[str]) -> list[str]:
    """Return those of *libraries* of which neither the distribution nor a module of its name is there.

    A module of the name is enough: ``onnxruntime-gpu`` has the module of ``onnxruntime``.
    """
    return [name for name in dict.fromkeys(libraries) if not _is_there(name)]


def how_to_install(libraries: Iterable[str]) -> str:
    """Return the command that installs *libraries*: the smallest extra with all of them, or themselves."""
    wanted = {_normal(name) for name in libraries}
    fitting = [(len(names), extra) for extra, names in extras().items() if wanted <= names]
    if fitting:
        return f"pip install '{_DISTRIBUTION}[{min(fitting)[1]}]'"
    return f"pip install {' '.join(dict.fromkeys(libraries))}"


@cache
def extras() -> Mapping[str, frozenset[str]]:
    """Return the distributions of each extra; none where zoo runs without being installed."""
    try:
        requirements = importlib.metadata.requires(_DISTRIBUTION) or ()
    except importlib.metadata.PackageNotFoundError:
        return {}
    found: dict[str, set[str]] = {}
    for requirement in requirements:
        if parts := _REQUIREMENT.match(requirement):
            found.setdefault(parts[2], set()).add(_normal(parts[1]))
    return {extra: frozenset(names) for extra, names in sorted(found.items())}


def _is_there(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        module = distribution.replace("-", "_")
        try:
            return module.isidentifier() and importlib.util.find_spec(module) is not None
        except (ImportError, ValueError):
            return False
    return True


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
