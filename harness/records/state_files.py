"""State files: names of the files that a stopped training resumes from, in a trial's folder.

A name contains the epoch and the SHA-256 of the content (``state-EPOCH-SHA256.safetensors``), so that a single rename
makes state and checksum appear together.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

_NAME = re.compile(r"state-(\d{6,})-([0-9a-f]{64})\.safetensors")


def state_name(epoch: int, content: bytes) -> str:
    """Return the file name of a state with this *content* at the end of *epoch*."""
    return f"state-{epoch:06d}-{hashlib.sha256(content).hexdigest()}.safetensors"


def is_state_name(name: str) -> bool:
    """Return whether *name* is the file name of a training state, without a folder."""
    return _NAME.fullmatch(name) is not None


def is_whole(name: str, content: bytes) -> bool:
    """Return whether *content* matches the checksum in *name*."""
    match = _NAME.fullmatch(name)
    return match is not None and hashlib.sha256(content).hexdigest() == match[2]


def state_files(folder: Path) -> list[Path]:
    """Return the state files of a trial's folder, newest first."""
    named = [(match, path) for path in folder.glob("state-*") if (match := _NAME.fullmatch(path.name))]
    return [path for match, path in sorted(named, key=lambda each: (int(each[0][1]), each[0][2]), reverse=True)]


def newest_state(folder: Path) -> Path | None:
    """Return the newest state file of a trial's folder, or None."""
    return next(iter(state_files(folder)), None)
