"""Staging: folders in which files are completed before they are renamed to their place.

Unlike :func:`harness.system.atomic_files.write_atomically`, it removes what processes that were killed have left, which
suits large files, and folders that nothing else cleans.
"""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from harness.system.atomic_files import TEMPORARY_PREFIX, sync_file, sync_folder

LOCK_FILE = ".lock"
"""Held in each staging folder while its process lives; the system frees it when the process dies."""


@contextmanager
def staging(folder: Path, name: str) -> Iterator[Path]:
    """Make a folder in *folder*, and remove it at the end, as well as those that killed processes left.

    Args:
        folder: Where the files will be renamed to, since renaming works within one file system only.
        name: Distinguishes staging folders of one kind from others.

    Raises:
        OSError: If it cannot be made.
    """
    remove_stale(folder, name)
    made = Path(tempfile.mkdtemp(prefix=_prefix(name), dir=folder))
    try:
        with FileLock(made / LOCK_FILE):
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def staging_for(path: Path) -> AbstractContextManager[Path]:
    """Make a staging folder for the file *path*, beside it (see :func:`staging`)."""
    return staging(path.parent, path.name[:40])


def write_staged(path: Path, write: Callable[[Path], None]) -> None:
    """Call *write* to fill a file of that name in a staging folder, then rename it to *path*.

    Raises:
        OSError: If it cannot be written.
    """
    with staging_for(path) as made:
        write(made / path.name)
        sync_file(made / path.name)
        os.replace(made / path.name, path)
    sync_folder(path.parent)


def remove_stale(folder: Path, name: str) -> None:
    """Remove the staging folders in *folder* that killed processes have left."""
    for stale in folder.glob(f"{glob.escape(_prefix(name))}*"):
        _remove_unless_in_use(stale)


def _prefix(name: str) -> str:
    return f"{TEMPORARY_PREFIX}{name}-"


def _remove_unless_in_use(stale: Path) -> None:
    if stale.is_symlink() or not stale.is_dir():
        return
    try:
        with FileLock(stale / LOCK_FILE).acquire(timeout=0):
            shutil.rmtree(stale, ignore_errors=True)
    except (Timeout, OSError):
        return  # another process is using it
