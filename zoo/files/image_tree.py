"""Image trees: the folders below a folder and the images in them; each folder is read from the disk once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo.files.image_files import LeftOut, file_kind, is_image, is_junk


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ImageFolder:
    """What lies in a folder itself, sorted by name, without junk (see :func:`zoo.files.image_files.is_junk`)."""

    path: Path
    folders: tuple[str, ...]
    """Names of the folders in it, also of links to folders."""
    images: tuple[str, ...]
    """Names of the image files in it. A link to nothing counts if its name is that of an image, so that reading it
    fails with its name."""
    left_out: LeftOut
    """The other files in it."""


class ImageTree:
    """Folders that have been read."""

    def __init__(self) -> None:
        self._known: dict[Path, ImageFolder] = {}

    def read(self, path: Path) -> ImageFolder:
        """Return what lies in the folder *path*.

        Raises:
            OSError: If it cannot be read.
        """
        if path not in self._known:
            self._known[path] = _read(path)
        return self._known[path]

    def folders(self, path: Path) -> list[Path]:
        """Return the folders in *path*, sorted by name."""
        return [path / name for name in self.read(path).folders]

    def images(self, path: Path) -> list[Path]:
        """Return the image files in *path* itself, sorted by name."""
        return [path / name for name in self.read(path).images]

    def below(self, path: Path) -> Iterator[ImageFolder]:
        """Yield *path* and all folders below it, each before those in it.

        Links to folders are followed, but no folder is entered from within itself, so loops of links end.
        """
        yield from self._below(path, frozenset())

    def _below(self, path: Path, above: frozenset[Path]) -> Iterator[ImageFolder]:
        real = path.resolve()
        if real in above:
            return
        found = self.read(path)
        yield found
        for name in found.folders:
            yield from self._below(path / name, above | {real})

    def holds_images(self, path: Path) -> bool:
        """Return whether there are image files in *path* or below it, including those that cannot be read here."""
        return any(found.images or found.left_out.images for found in self.below(path))


def _read(path: Path) -> ImageFolder:
    folders, images, left_out = [], [], LeftOut()
    with os.scandir(path) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name = entry.name
        # The system's list says what a file is; only links have to be followed.
        is_link = entry.is_symlink()
        if (path / name).is_dir() if is_link else entry.is_dir():
            if not is_junk(name):
                folders.append(name)
        elif (is_link or entry.is_file()) and is_image(path, name, lambda name=name: file_kind(path / name), left_out):  # type: ignore[misc]
            images.append(name)
    return ImageFolder(path=path, folders=tuple(folders), images=tuple(images), left_out=left_out)
