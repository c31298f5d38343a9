"""Image files: which names they have, and how a folder is walked for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

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
