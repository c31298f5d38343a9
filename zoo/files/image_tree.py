"""Image trees: the folders below a folder and the images in them; each folder is read from the disk once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo.files.folder_listing import Listing, list_folder, list_folders
from zoo.files.image_files import USUAL_ENDINGS, LeftOut, file_kind, is_image, is_junk

MANY_IMAGES = 50_000
"""Number of images for which several processes read folders sooner than one."""


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
    states: bytes | None = None
    """A line for each image: its size in bytes, and its modification time in ns; None: not known of all."""


class ImageTree:
    """Folders that have been read."""

    def __init__(self) -> None:
        self._known: dict[Path, ImageFolder] = {}
        self._real: dict[Path, Path] = {}

    def read(self, path: Path) -> ImageFolder:
        """Return what lies in the folder *path*.

        Raises:
            OSError: If it cannot be read.
        """
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = _found(path, list_folder(str(path), USUAL_ENDINGS))
            self._read_beside(found)
        return found

    def _read_beside(self, found: ImageFolder) -> None:
        """Read the folders beside one that has been read, if they seem to hold very many images."""
        above = self._known.get(found.path.parent)
        if above is None or len(above.folders) * len(found.images) < MANY_IMAGES:
            return
        beside = [path for name in above.folders if (path := above.path / name) not in self._known]
        listings = list_folders([str(path) for path in beside], USUAL_ENDINGS)
        self._known |= {path: _found(path, listings[str(path)]) for path in beside if str(path) in listings}

    def folders(self, path: Path) -> list[Path]:
        """Return the folders in *path*, sorted by name."""
        return [path / name for name in self.read(path).folders]

    def images(self, path: Path) -> list[Path]:
        """Return the image files in *path* itself, sorted by name."""
        return [path / name for name in self.read(path).images]

    def below(self, path: Path) -> Iterator[ImageFolder]:
        """Yield *path* and all folders below it, each before those in it.

        Links to folders are followed, but not to one that they are in, however far above *path*: its images would be
        found again, those of other classes among them.
        """
        yield from self._below(path, frozenset())

    def _below(self, path: Path, above: frozenset[Path]) -> Iterator[ImageFolder]:
        real = self._real.get(path)
        if real is None:
            real = self._real[path] = path.resolve()
        if real in above:
            return
        found = self.read(path)
        yield found
        inside = above | {real} if real.parent in above else above | {real, *real.parents}
        for name in found.folders:
            yield from self._below(path / name, inside)

    def holds_images(self, path: Path) -> bool:
        """Return whether there are image files in *path* or below it, including those that cannot be read here."""
        return any(found.images or found.left_out.images for found in self.below(path))


def _found(path: Path, listing: Listing) -> ImageFolder:
    folders, images, left_out = [], list(listing.files), LeftOut()
    for name in listing.others:
        inner = path / name
        # Only links have to be followed.
        is_link = inner.is_symlink()
        if inner.is_dir():
            if not is_junk(name):
                folders.append(name)
        elif (is_link or inner.is_file()) and is_image(path, name, lambda inner=inner: file_kind(inner), left_out):  # type: ignore[misc]
            images.append(name)
    states = listing.states if len(images) == len(listing.files) else None
    return ImageFolder(
        path=path, folders=tuple(folders), images=tuple(sorted(images)), left_out=left_out, states=states
    )
