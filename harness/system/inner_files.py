"""Inner files: files below a folder that somebody else may have filled, reached without following any link.

The folder itself may be a link, since its owner named it. Nothing protects from somebody who changes it at the same
moment.
"""

from __future__ import annotations

import stat
from pathlib import Path, PurePosixPath

from zoo.errors import StoreError
from zoo.files.plain_files import Kind, read_bytes


def find_inner(root: Path, name: str) -> Path | None:
    """Return the path of a file below *root*; None if there is none.

    Raises:
        StoreError: If a part of the path is a link, or the file is not a plain one.
        OSError: If it cannot be looked up.
    """
    path = root
    parts = PurePosixPath(name).parts
    for place, part in enumerate(parts, 1):
        path = path / part
        try:
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISLNK(mode):
            raise StoreError(f"{path} is a link, which could lead anywhere: remove it, or choose another folder")
        if place == len(parts) and not stat.S_ISREG(mode):
            raise StoreError(f"{path} is not a plain file: remove it, or choose another folder")
    return path


def read_inner(root: Path, name: str, kind: Kind) -> bytes | None:
    """Return the content of a file below *root*; None if there is none. Errors as above."""
    path = find_inner(root, name)
    return None if path is None else read_bytes(path, kind, follow=False)


def make_parents(root: Path, name: str) -> Path:
    """Create the folders above a file below *root*, which exists, and return the path of the file.

    Raises:
        StoreError: If one of them is a link.
        OSError: If one cannot be created.
    """
    folder = root
    for part in PurePosixPath(name).parts[:-1]:
        folder = folder / part
        if folder.is_symlink():
            raise StoreError(f"{folder} is a link, which could lead anywhere: remove it, or choose another folder")
        folder.mkdir(exist_ok=True)
    return root / name
