"""Files: signatures that change with the files, contents of text files, and paths from arguments."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from zoo import DataRequest
from zoo.errors import DataError, UsageError
from zoo.files.plain_files import LIST, read_text


def files_signature(paths: Iterable[Path]) -> str:
    """Return a hash of the paths, sizes and modification times of files."""
    digest = hashlib.sha256()
    for path in paths:
        status = path.stat()
        digest.update(os.fsencode(path.absolute()) + b"\0%d %d\n" % (status.st_size, status.st_mtime_ns))
    return digest.hexdigest()


def lines_of(path: Path) -> list[str]:
    """Return the non-blank lines of a text file, stripped."""
    return [line.strip() for line in read_text(path, LIST).splitlines() if line.strip()]


def find_argument(request: DataRequest, kind: str) -> Path:
    """Return the path after the colon, relative to the current folder or else to the data root.

    Raises:
        UsageError: If no path was given.
        DataError: If the path does not exist.
    """
    if not request.argument:
        raise UsageError(f"{kind} needs a path, as in {kind}:PATH")
    given = Path(request.argument).expanduser()
    for path in (given, request.root / given):
        if path.exists():
            return path.absolute()
    where = str(given) if given.is_absolute() else f"{given} in {Path.cwd()} or in the data root {request.root}"
    raise DataError(f"{kind}: no file or folder at {where}")
