"""Durable files: written under a temporary name, flushed, synced and renamed, so that no file is ever half-written."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.errors import StoreError
from zoo.files.plain_files import WEIGHTS, Kind, digest_of

TEMPORARY_PREFIX = ".tmp-"


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Call *write* to fill a temporary file beside *path*, then rename that to *path*."""
    handle, name = tempfile.mkstemp(prefix=temporary_prefix(path), suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        sync_file(temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def temporary_prefix(path: Path) -> str:
    """Return the prefix of temporary file names for *path*."""
    return f"{TEMPORARY_PREFIX}{path.name[:40]}-"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` raised while writing below *path* into a one-sentence error.

    Raises:
        StoreError: In place of the ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}; fix that, and run the same command again to continue"
        ) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write *content* durably."""
    write_atomically(path, lambda temporary: _write(temporary, content))


def write_json(path: Path, value: Any) -> None:
    """Write *value* durably as :func:`json_text`."""
    write_bytes(path, json_text(value).encode())


def json_text(value: Any) -> str:
    """Return *value* as JSON that people can read: indented, with each list of plain values on one line.

    A 1000 × 1000 matrix then takes a thousand lines instead of a million.

    Raises:
        ValueError: If *value* contains NaN or infinity.
    """
    return f"{_indented(value, '')}\n"


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make renames in *folder* durable, if the platform supports it."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows cannot open a folder, and does not need to sync one
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path, kind: Kind = WEIGHTS) -> str:
    """Return the SHA-256 of a plain file's content."""
    return digest_of(path, kind)


def _indented(value: Any, indent: str) -> str:
    if isinstance(value, dict) and value:
        parts = [f"{json.dumps(str(key))}: {_indented(each, indent + '  ')}" for key, each in value.items()]
        opening, closing = "{}"
    elif isinstance(value, (list, tuple)) and any(isinstance(each, (dict, list, tuple)) for each in value):
        parts = [_indented(each, indent + "  ") for each in value]
        opening, closing = "[]"
    else:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    inside = ",\n".join(f"{indent}  {part}" for part in parts)
    return f"{opening}\n{inside}\n{indent}{closing}"


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
