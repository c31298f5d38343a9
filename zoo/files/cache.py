"""The cache: keeps the results of slow work between runs. Losing it costs nothing but time."""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo.files.plain_files import FACTS, read_bytes

DECODED_FOLDER = "decoded"
"""Name of the folder in the cache that holds prepared datasets."""


def cache_root() -> Path:
    """Return the cache folder, which may not exist yet: ``$ZOO_CACHE``, else ``zoobench`` in the platform's own.

    The platform's is ``$XDG_CACHE_HOME`` or ``~/.cache`` on Linux, ``~/Library/Caches`` on macOS and
    ``%LOCALAPPDATA%`` on Windows.

    Raises:
        RuntimeError: If no variable is set and the user has no home folder.
    """
    if given := os.environ.get("ZOO_CACHE"):
        return Path(given).expanduser().absolute()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        base = Path(local) if local else Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
        # The XDG base directory specification says that a relative path there is to be ignored.
        base = xdg if xdg.is_absolute() else Path.home() / ".cache"
    return base / "zoobench"


def decoded_root() -> Path:
    """Return the folder of prepared datasets in the cache, which may not exist yet."""
    return cache_root() / DECODED_FOLDER


def data_root(given: str | None = None) -> Path:
    """Return the folder of datasets as they are downloaded: *given*, else ``$ZOO_DATA``, else one in the cache."""
    text = given or os.environ.get("ZOO_DATA", "")
    return Path(text).expanduser() if text else cache_root() / "data"


def require_writable_cache() -> None:
    """Create the cache folder if necessary.

    Raises:
        StoreError: If it cannot be created or written.
    """
    from zoo.errors import StoreError

    remedy = "set ZOO_CACHE to a folder that can be written"
    try:
        root = cache_root()
    except RuntimeError as error:
        raise StoreError(f"there is no folder for the cache: {error}; {remedy}") from error
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not os.access(root, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise StoreError(f"the cache folder {root} cannot be written: {error.strerror or error}; {remedy}") from error


def cached_json(name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the JSON object cached under *name*, or the result of *make*, which is then cached.

    *name* must contain everything that the content depends on, such as the version of a library. An unreadable or
    invalid file is replaced; if it cannot be written, nothing is cached.
    """
    try:
        path = cache_root() / f"{name}.json"
    except RuntimeError:
        return make()
    try:
        value = json.loads(read_bytes(path, FACTS))
        if isinstance(value, dict):
            return value
    except (OSError, ValueError, RecursionError):
        pass  # absent or damaged: made anew below
    value = make()
    _keep(path, value)
    return value


def keep_json(name: str, value: dict[str, Any]) -> None:
    """Keep a JSON object under *name* in place of what was there; nothing happens if it cannot be written."""
    try:
        _keep(cache_root() / f"{name}.json", value)
    except RuntimeError:  # there is no folder for the cache
        return


def _keep(path: Path, value: dict[str, Any]) -> None:
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".tmp-", suffix=path.suffix, dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file)
        # Readers see the whole file or none, thanks to renaming; no sync is needed, since a damaged file is replaced.
        Path(temporary).replace(path)
    except OSError:  # a read-only or full disk: the cache is a convenience
        if temporary:
            Path(temporary).unlink(missing_ok=True)
