"""Image files: which names they have, how a folder is walked, and what tells that files have changed."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from zoo import DataRequest
from zoo.errors import DataError, UsageError

IMAGE_SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jpe",
    ".png",
    ".bmp",
    ".gif",
    ".webp",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".pbm",
    ".jp2",
    ".avif",
)


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


def is_image(path: PurePath) -> bool:
    """Tell by its name whether a file may be an image; files that start with a dot are not."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def walk_images(folder: Path) -> Iterator[Path]:
    """Yield the image files below *folder*, sorted by their path.

    Links to folders are followed, but no folder is entered from within itself, so loops of links end. Folders that
    start with a dot are left out. A link to nothing, or to itself, is yielded: its reader must name it.
    """
    yield from _walk(folder, frozenset())


def _walk(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    real = folder.resolve()
    if real in above:
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if not path.name.startswith("."):
                yield from _walk(path, above | {real})
        elif is_image(path) and (path.is_file() or path.is_symlink()):
            yield path


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
