"""Clearing the cache: removing entries, unless a process is using them or they contain files from elsewhere.

Prepared data are renamed before they are removed, so that no process finds them incomplete. Their lock files stay,
because removing one while another process waits for it would give two processes the same lock.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from harness.data.cache.entries import (
    GIVEN_FOLDER,
    CacheEntry,
    is_feature_file,
    is_given_file,
    is_prepared_file,
    key_of_leftover,
    runs_trials,
    scan_folder,
)
from harness.data.cache.feature_files import FEATURES_FOLDER
from harness.data.cache_layout import STREAMED_SUFFIX, is_used, lock_of
from harness.system.atomic_files import TEMPORARY_PREFIX


@dataclass(frozen=True, kw_only=True, slots=True)
class Cleared:
    """The outcome of clearing an entry."""

    entry: CacheEntry
    num_bytes: int = 0
    """Size of the removed files."""
    left_because: str = ""
    """Why all or part of the entry is still there; empty if it is gone."""


def clear(entry: CacheEntry) -> Cleared:
    """Remove an entry of the cache, or return the reason why it was left."""
    try:
        if entry.kind == "downloads":
            return Cleared(
                entry=entry, left_because="it was not made by zoo: remove it yourself if you no longer want it"
            )
        if entry.files:
            return _clear_files(entry)
        if entry.kind == "compile":
            return Cleared(entry=entry, num_bytes=_remove_tree(entry.path))
        if entry.kind == "remote":
            return _clear_remote(entry)
        if entry.path.parent.name == GIVEN_FOLDER:
            return _clear_given(entry)
        return _clear_folder(entry)
    except OSError as error:
        return Cleared(entry=entry, left_because=f"{error.filename or entry.path}: {error.strerror or error}")


def _clear_files(entry: CacheEntry) -> Cleared:
    freed = 0
    for file in entry.files:
        size = file.lstat().st_size
        file.unlink()
        freed += size
    return Cleared(entry=entry, num_bytes=freed)


def _clear_remote(entry: CacheEntry) -> Cleared:
    if runs_trials(entry.path):
        return Cleared(entry=entry, left_because="it is in use")
    doomed = entry.path.with_name(f"{TEMPORARY_PREFIX}{entry.path.name}-{uuid.uuid4().hex[:8]}")
    os.replace(entry.path, doomed)
    return Cleared(entry=entry, num_bytes=_remove_tree(doomed))


def _clear_given(entry: CacheEntry) -> Cleared:
    if entry.in_use:
        return Cleared(entry=entry, left_because="it is in use")
    if foreign := _foreign(entry.path, is_given_file):
        return Cleared(entry=entry, left_because=foreign)
    doomed = entry.path.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex[:8]}")
    os.replace(entry.path, doomed)
    return Cleared(entry=entry, num_bytes=_remove_tree(doomed))


def _foreign(folder: Path, is_own: Callable[[str], bool]) -> str:
    """Return that a folder holds files that zoo did not write; empty if it does not."""
    foreign = [
        each.name for each in scan_folder(folder) if not (each.is_file(follow_symlinks=False) and is_own(each.name))
    ]
    return f"it holds files that are not of zoo: {', '.join(map(repr, foreign[:5]))}" if foreign else ""


def _clear_folder(entry: CacheEntry) -> Cleared:
    folder = entry.path
    owner = folder.with_name(key_of_leftover(folder.name) or folder.name.removesuffix(STREAMED_SUFFIX))
    try:
        with FileLock(lock_of(owner), timeout=0):
            # Leftovers of a dead process can be removed even while another process uses newer data.
            if entry.kind != "leftovers" and is_used(owner):
                return Cleared(entry=entry, left_because="it is in use")
            is_own = is_feature_file if folder.parent.name == FEATURES_FOLDER else is_prepared_file
            if foreign := _foreign(folder, is_own):
                return Cleared(entry=entry, left_because=foreign)
            doomed = folder.with_name(f"{TEMPORARY_PREFIX}{owner.name}-{uuid.uuid4().hex[:8]}")
            os.replace(folder, doomed)
            return Cleared(entry=entry, num_bytes=_remove_tree(doomed))
    except Timeout:
        return Cleared(entry=entry, left_because="it is in use")


def _remove_tree(folder: Path) -> int:
    """Remove a folder and its content, without following links; return the bytes freed."""
    freed = 0
    for parent, folders, names in os.walk(folder, topdown=False):
        for name in [*names, *folders]:
            path = Path(parent, name)
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                freed += path.lstat().st_size
                path.unlink()
    folder.rmdir()
    return freed
