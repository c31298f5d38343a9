"""Distributions: which installed distribution a module belongs to, and its version as code identities contain it."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import json
import re
import sys
import urllib.parse
import urllib.request
from importlib.metadata import Distribution
from pathlib import Path

_BUILD = re.compile(r"\+(cpu|cu\d+|rocm[\d.]*|xpu|mps)$")
"""Suffixes of versions that name the device a library was built for."""


def normal(name: str) -> str:
    """Return the normalised name of a distribution: in lower case, with hyphens."""
    return re.sub(r"[-_.]+", "-", name).lower()


def version_of(distribution: str) -> str:
    """Return the version of a distribution without a device suffix, or ``absent`` if it is not installed."""
    found = _distribution(distribution)
    if found is None:
        return "absent"
    folder = getattr(found, "_path", None)
    metadata = folder / "METADATA" if isinstance(folder, Path) else None
    modified = metadata.stat().st_mtime_ns if metadata is not None and metadata.is_file() else 0
    return _version(distribution, metadata, modified)


def owners(root: str, file: Path | None) -> tuple[str, ...]:
    """Return the distributions that contain the importable top-level module *root*, if they contain *file*.

    Distributions in development mode contain no files, since their code changes while their version does not.
    """
    return tuple(name for name in claimants(root) if file is None or _holds(name, root, file))


def import_names(distribution: str) -> tuple[str, ...]:
    """Return the top-level modules of an installed distribution; nothing if it is not installed."""
    found = _distribution(distribution)
    if found is None:
        return ()
    listed = (found.read_text("top_level.txt") or "").split()
    return tuple(listed) or (distribution.replace("-", "_"),)


def claimants(root: str) -> tuple[str, ...]:
    """Return the installed distributions with a top-level module *root*, wherever it is imported from."""
    namesake = _distribution(root)
    if namesake is not None and own_copy(normal(root), root) is not None:
        return (normal(root),)  # far quicker than reading the files of all distributions
    return tuple(dict.fromkeys(map(normal, _all_owners(installation()).get(root, ()))))


def own_copy(distribution: str, root: str) -> Path | None:
    """Return where a distribution keeps its copy of the top-level module *root*, or None if that is unknown.

    In development mode, this is in the folder of its project.
    """
    found = _distribution(distribution)
    if found is None:
        return None
    project = project_folder(distribution)
    folders = [project, project / "src"] if project is not None else [Path(str(found.locate_file("")))]
    for folder in folders:
        for path in (folder / root / "__init__.py", folder / f"{root}.py"):
            if path.is_file():
                return path
    return None


def project_folder(distribution: str) -> Path | None:
    """Return the folder of a distribution that is installed in development mode; None for others."""
    found = _distribution(distribution)
    try:
        url = json.loads((found.read_text("direct_url.json") if found is not None else None) or "{}")
        is_editable = url.get("dir_info", {}).get("editable", False)
        path = urllib.parse.urlparse(url["url"]).path if is_editable else ""
    except (ValueError, KeyError, AttributeError, OSError):
        return None
    return Path(urllib.request.url2pathname(path)) if path else None


def _holds(distribution: str, root: str, file: Path) -> bool:
    found = _distribution(distribution)
    if found is None or project_folder(distribution) is not None:
        return False
    home = Path(str(found.locate_file(""))).resolve()
    if not file.resolve().is_relative_to(home):
        return False
    is_shared = not (home / root / "__init__.py").is_file() and (home / root).is_dir()
    return not is_shared or file.resolve() in _files(distribution)  # a namespace package, which several may share


def _files(distribution: str) -> frozenset[Path]:
    found = _distribution(distribution)
    listed = (found.files if found is not None else None) or ()
    return frozenset(Path(str(each.locate())).resolve() for each in listed)


@functools.cache
def _version(distribution: str, _metadata: Path | None, _modified: int) -> str:
    # Cached, because a plan asks for each trial, and reading a version takes milliseconds.
    return _BUILD.sub("", importlib.metadata.version(distribution))


def _distribution(name: str) -> Distribution | None:
    return _find(name, installation())


def installation() -> tuple[tuple[str, int], ...]:
    """Return a value that changes when a distribution is installed or removed."""
    found = []
    for folder in sys.path:
        with contextlib.suppress(OSError):
            found.append((folder, Path(folder).stat().st_mtime_ns))
    return tuple(found)


@functools.lru_cache(maxsize=256)
def _find(name: str, _installed: tuple[tuple[str, int], ...]) -> Distribution | None:
    try:
        return importlib.metadata.distribution(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return None


@functools.lru_cache(maxsize=1)
def _all_owners(_installed: tuple[tuple[str, int], ...]) -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())
