"""Files: what their names tell, what tells that they have changed, and where an argument leads."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePath

from zoo import DataRequest
from zoo.errors import DataError, UsageError

_SPLIT_WORDS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


def split_of(path: PurePath) -> str:
    """Return the split that a file's name speaks of, else its folder's, and so on: train, val, test or nothing."""
    for part in [path.stem, *reversed(path.parts[:-1])]:
        for word in re.findall("[a-z]+", part.lower()):
            if word in _SPLIT_WORDS:
                return _SPLIT_WORDS[word]
    return ""


def files_signature(paths: Iterable[Path]) -> str:
    """Return a hash of the paths, sizes and modification times of files."""
    digest = hashlib.sha256()
    for path in paths:
        status = path.stat()
        digest.update(os.fsencode(path.absolute()) + b"\0%d %d\n" % (status.st_size, status.st_mtime_ns))
    return digest.hexdigest()


def lines_of(path: Path) -> list[str]:
    """Return the lines of a text file that hold anything, without blanks at their ends."""
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def find_argument(request: DataRequest, kind: str) -> Path:
    """Return the path that followed the colon: from the current folder, else from the data root.

    Raises:
        UsageError: If there is none.
        DataError: If nothing is there.
    """
    if not request.argument:
        raise UsageError(f"{kind} needs a path, as in {kind}:PATH")
    given = Path(request.argument).expanduser()
    for path in (given, request.root / given):
        if path.exists():
            return path.absolute()
    where = str(given) if given.is_absolute() else f"{given} in {Path.cwd()} or in the data root {request.root}"
    raise DataError(f"{kind}: there is nothing at {where}")
