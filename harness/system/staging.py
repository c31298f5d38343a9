"""Staging: folders in which files are completed before they are renamed to their place, and folders for scratch files.

Unlike :func:`harness.system.atomic_files.write_atomically`, it removes what processes that were killed have left, which
suits large files, and folders that nothing else cleans.
"""

from __future__ import annotations

import glob
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from harness.system.atomic_files import TEMPORARY_PREFIX, sync_file, sync_folder

LOCK_FILE = ".lock"
"""Held in each staging folder while its process lives; the system frees it when the process dies."""
_MAKING_SECONDS = 3600.0
"""Age from which an empty folder without a lock is one whose process was killed, and not one that is being made."""


def staging(folder: Path, name: str) -> AbstractContextManager[Path]:
    """Make a folder in *folder*, and remove it at the end, as well as those that killed processes left.

    Args:
        folder: Where the files will be renamed to, since renaming works within one file system only.
        name: Distinguishes staging folders of one kind from others.

    Raises:
        OSError: If it cannot be made.
    """
    return _own_folder(folder, _prefix(name), shared=False)


def scratch_folder(name: str = "") -> AbstractContextManager[Path]:
    """Make a folder for temporary files where the system has such folders; removed as a staging folder is.

    Args:
        name: Distinguishes folders of one kind from others.

    Raises:
        OSError: If it cannot be made.
    """
    return _own_folder(Path(tempfile.gettempdir()), f"zoo-{name}-" if name else "zoo-", shared=True)


@contextmanager
def _own_folder(folder: Path, prefix: str, *, shared: bool) -> Iterator[Path]:
    _remove_stale(folder, prefix, shared=shared)
    made, lock = _locked_folder(folder, prefix)
    try:
        yield made
    finally:
        with suppress(OSError):
            _remove(made)
        lock.release()


def _locked_folder(folder: Path, prefix: str) -> tuple[Path, BaseFileLock]:
    while True:
        made = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
        lock = FileLock(made / LOCK_FILE)
        # Between its making and its locking, another process may have taken it for one that a killed process left.
        try:
            lock.acquire()
        except FileNotFoundError:
            continue
        if (made / LOCK_FILE).exists():
            return made, lock
        lock.release()


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
    _remove_stale(folder, _prefix(name), shared=False)


def _prefix(name: str) -> str:
    return f"{TEMPORARY_PREFIX}{name}-"


def _remove_stale(folder: Path, prefix: str, *, shared: bool) -> None:
    for stale in folder.glob(f"{glob.escape(prefix)}*"):
        with suppress(OSError):
            _remove_unless_in_use(stale, shared=shared)


def _remove_unless_in_use(stale: Path, *, shared: bool) -> None:
    """Remove a folder of this user that no process holds; an ``OSError`` means that it is left.

    Args:
        shared: Whether other programs may have folders with such names there.
    """
    status = stale.lstat()
    if not stat.S_ISDIR(status.st_mode) or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
        return  # folders of others, who share the system's temporary folder, may be traps
    try:
        mode = (stale / LOCK_FILE).lstat().st_mode
    except FileNotFoundError:
        # Killed before it was locked or after its lock was removed, unless it is being made at this moment, and then
        # made again, or is no folder of this kind.
        if shared:
            if time.time() - status.st_mtime > _MAKING_SECONDS:
                stale.rmdir()
            return
        mode = stat.S_IFREG
    if not stat.S_ISREG(mode):
        return
    with suppress(Timeout), FileLock(stale / LOCK_FILE).acquire(timeout=0):
        _remove(stale)


def _remove(folder: Path) -> None:
    """Remove a folder, its lock last, so that what a kill or an error leaves of it is still known for what it is."""
    for path in folder.iterdir():
        if path.name == LOCK_FILE:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if [path.name for path in folder.iterdir()] == [LOCK_FILE]:
        (folder / LOCK_FILE).unlink()
    folder.rmdir()
