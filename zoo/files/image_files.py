"""Image files: how a folder is searched for them, and which of its files are left out."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from zoo.files.image_kinds import HEAD_BYTES, how_to_read, image_kind, is_readable
from zoo.files.plain_files import IMAGE, open_plain
from zoo.text import plural

IMAGE_SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".pjpeg",
    ".pjp",
    ".png",
    ".apng",
    ".bmp",
    ".dib",
    ".gif",
    ".webp",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
    ".jp2",
    ".j2k",
    ".avif",
)
"""Suffixes whose files are always taken for images: one that cannot be decoded is reported, never left out."""

_JUNK_FOLDERS = frozenset({
    "__macosx", "__pycache__", "@eadir", "#recycle", "@recycle", "$recycle.bin", "system volume information",
    "lost+found",
})  # fmt: skip
_JUNK_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
_JUNK = _JUNK_FOLDERS | _JUNK_FILES
_IMAGE_SUFFIXES = frozenset(IMAGE_SUFFIXES)
USUAL_ENDINGS = tuple(ending for suffix in IMAGE_SUFFIXES for ending in (suffix, suffix.upper()))
"""Ends of the names of files that are images by :func:`is_image`, unless they are hidden, found faster than by it."""


def is_junk(name: str) -> bool:
    """Return whether a file or folder is hidden or was put there by an operating system: it never holds your images."""
    return name.startswith(".") or name.lower() in _JUNK


@dataclass(kw_only=True, slots=True)
class LeftOut:
    """Files that were found and left out, junk (see :func:`is_junk`) apart."""

    images: list[tuple[str, str]] = field(default_factory=list)
    """Path and kind of image files that cannot be read here."""
    others: Counter[str] = field(default_factory=Counter)
    """Number of files that are not images, by suffix in lower case."""

    def add(self, other: LeftOut) -> None:
        """Add the files of *other*."""
        self.images += other.images
        self.others += other.others

    def omissions(self) -> Iterator[str]:
        """Yield a sentence for each kind of image file that cannot be read here."""
        suffixes_of: dict[str, Counter[str]] = {}
        for name, kind in self.images:
            suffixes_of.setdefault(kind, Counter())[PurePath(name).suffix.lower()] += 1
        for kind, suffixes in sorted(suffixes_of.items()):
            count = suffixes.total()
            yield (
                f"{plural(count, 'image file')} left out because {kind} cannot be read here: "
                f"{_by_suffix(suffixes)} ({how_to_read(kind)})"
            )

    def notes(self) -> Iterator[str]:
        """Yield a sentence about files that are not images, if there are any."""
        if count := self.others.total():
            what = "it is not an image" if count == 1 else "they are not images"
            yield f"{plural(count, 'file')} left out because {what}: {_by_suffix(self.others)}"


def _by_suffix(suffixes: Counter[str]) -> str:
    shown = [f"{count:,} {suffix or 'without a suffix'}" for suffix, count in suffixes.most_common(10)]
    return ", ".join(shown) + (" …" if len(suffixes) > 10 else "")


def is_image(folder: PurePath, name: str, find_kind: Callable[[], str], left_out: LeftOut | None = None) -> bool:
    """Return whether a file is an image that can be read, by its suffix or else by its content.

    Args:
        folder: Where it is.
        name: Its name, without its folder. Junk is not an image.
        find_kind: Returns its kind (see :func:`zoo.files.image_kinds.image_kind`); called only where the suffix does
            not decide.
        left_out: Records the file if it is not.
    """
    if is_junk(name):
        return False
    suffix = _suffix(name)
    if suffix in _IMAGE_SUFFIXES:
        return True
    kind = find_kind()
    if is_readable(kind):
        return True
    if left_out is not None and kind:
        left_out.images.append((str(folder / name), kind))
    elif left_out is not None:
        left_out.others[suffix] += 1
    return False


def _suffix(name: str) -> str:
    """Return the suffix of a file's name in lower case, as :mod:`pathlib` finds it, which takes longer."""
    place = name.rfind(".")
    return name[place:].lower() if 0 < place < len(name) - 1 else ""


def walk_images(folder: Path, left_out: LeftOut | None = None) -> Iterator[Path]:
    """Yield the image files below *folder*, sorted by their path.

    Links to folders are followed, but not to one that they are in, however far above *folder*. Junk (see
    :func:`is_junk`) is skipped. A link to nothing, or to itself, whose name is that of an image is yielded, so that
    reading it fails with its name.

    Args:
        folder: Where to look.
        left_out: Records the files that are not yielded.
    """
    yield from _walk(folder, frozenset(), left_out)


def file_kind(path: Path) -> str:
    """Return the :func:`~zoo.files.image_kinds.image_kind` of a file, by its name if it cannot be read."""
    head = b""
    with contextlib.suppress(OSError), open_plain(path, IMAGE) as file:
        head = file.read(HEAD_BYTES)
    return image_kind(head, path.suffix.lower())


def _walk(folder: Path, above: frozenset[Path], left_out: LeftOut | None) -> Iterator[Path]:
    real = folder.resolve()
    if real in above:
        return
    inside = above | {real} if real.parent in above else above | {real, *real.parents}
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        path = folder / entry.name
        # The system's list says what a file is; only links have to be followed.
        is_link = entry.is_symlink()
        if path.is_dir() if is_link else entry.is_dir():
            if not is_junk(entry.name):
                yield from _walk(path, inside, left_out)
        elif (is_link or entry.is_file()) and is_image(folder, entry.name, lambda path=path: file_kind(path), left_out):  # type: ignore[misc]
            yield path
