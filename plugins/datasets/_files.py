"""Files: signatures that change with the files, contents of text and MATLAB files, and paths from arguments."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zoo import DataRequest
from zoo.errors import DataError, UsageError
from zoo.files.plain_files import ARRAY, LIST, open_plain, read_text

_MAX_VALUES = 2 * 10**9
"""Number of values in a MATLAB file; the largest part of SVHN has 1.6 billion."""


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


def variables_of(path: Path, *, squeeze: bool = False) -> dict[str, Any]:
    """Return the variables in a MATLAB file by name; *squeeze* drops axes of length one.

    Raises:
        DataError: If it states more than 2 GB of values: a compressed file of a megabyte may do so.
    """
    from scipy.io import loadmat, whosmat

    with open_plain(path, ARRAY) as file:
        stated = sum(math.prod(shape) for _, shape, _ in whosmat(file))  # type: ignore[arg-type, misc]  # as below
        if stated > _MAX_VALUES:
            raise DataError(f"{path} states {stated:,} values, and may have up to {_MAX_VALUES:,}")
        file.seek(0)
        found: dict[str, Any] = loadmat(file, squeeze_me=squeeze)  # type: ignore[arg-type]  # its stubs know paths only
    return found


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
