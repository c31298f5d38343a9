"""Staging: folders in which files are completed before they are renamed to their place."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from harness.system.atomic_files import TEMPORARY_PREFIX

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
    prefix = f"{TEMPORARY_PREFIX}{name}-"
    for stale in folder.glob(f"{prefix}*"):
        _remove_unless_in_use(stale)
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
    try:
        with FileLock(made / LOCK_FILE):
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _remove_unless_in_use(stale: Path) -> None:
    if stale.is_symlink() or not stale.is_dir():
        return
    try:
        with FileLock(stale / LOCK_FILE).acquire(timeout=0):
            shutil.rmtree(stale, ignore_errors=True)
    except (Timeout, OSError):
        return  # another process is using it
