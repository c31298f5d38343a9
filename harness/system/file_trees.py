"""File trees: files, and folders that users handle as one thing, such as a package of Core ML."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from harness.system.atomic_files import sha256_of, sync_file, sync_folder


def num_bytes_of(path: Path) -> int:
    """Return the size of a file, or of all files in a folder."""
    return sum(each.stat().st_size for each in _files_of(path))


def digest_of_tree(path: Path) -> str:
    """Return the SHA-256 of a file, or that of the lines ``SHA-256  NAME`` of all files in a folder.

    Names are relative to the folder, with ``/``, in the order of their bytes: what
    ``find . -type f | sed 's|^./||' | LC_ALL=C sort | xargs sha256sum | sha256sum`` prints in it.
    """
    if not path.is_dir():
        return sha256_of(path)
    names = {each.relative_to(path).as_posix(): each for each in _files_of(path)}
    lines = [f"{sha256_of(names[name])}  {name}\n" for name in sorted(names, key=os.fsencode)]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def sync_tree(path: Path) -> None:
    """Make the content of a file durable, or that of a folder with all that lies in it."""
    for each in _files_of(path):
        sync_file(each)
    if path.is_dir():
        for folder, _, _ in os.walk(path):
            sync_folder(Path(folder))


def replace_tree(made: Path, path: Path) -> None:
    """Rename *made* to *path*.

    What was there is replaced, but a folder only by a folder; it is moved beside *made*, since no system replaces a
    folder that holds something. If the process is killed in between, neither folder is at *path*.

    Raises:
        OSError: If it cannot be renamed; *path* is then as it was.
    """
    if not (made.is_dir() and path.is_dir() and not path.is_symlink()):
        os.replace(made, path)
        return
    before = made.with_name(f"{made.name}.before")
    os.replace(path, before)
    try:
        os.replace(made, path)
    except OSError:
        os.replace(before, path)
        raise


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
