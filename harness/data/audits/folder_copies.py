"""Folder copies: test images of a dataset that look like images in a folder, such as one that a network was trained on.

Images are compared whole and upright, by the perceptual hash and the correlation of :mod:`~.near_duplicates`: another
size, another compression and a brighter copy are found, a crop or a mirrored copy is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data.audits.near_duplicates import SIDE, cross_pairs, grey_copies
from harness.data.image_files.decoding import decode_upright
from harness.data.image_files.opening import UnreadableImageError
from harness.data.splitting import SplitIndices
from zoo.errors import DataError

_LEAST_SIDE = 4 * SIDE
_BATCH = 1024
"""Number of the folder's files that are compared at a time, so that any number fits in memory."""
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderCopy:
    """A test image and the file of the folder that looks most like it."""

    id: str
    """Id of the test image."""
    file: str
    """Path relative to the folder."""
    correlation: float
    """Of their grey copies; 1 if these are equal up to brightness and contrast."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderCopies:
    """What was found of the test images of a dataset in a folder."""

    num_test: int
    num_files: int
    """Number of image files in the folder, unreadable ones included."""
    num_unreadable: int
    """Number of files in the folder that cannot be decoded."""
    copies: tuple[FolderCopy, ...]
    """The most alike first."""


def copies_in(folder: Path, test: SplitIndices, *, report: Callable[[str, float | None], None]) -> FolderCopies:
    """Look for the test images of a dataset in a folder and the folders in it.

    Raises:
        DataError: If the folder does not exist or has no image, or a test image cannot be decoded.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not files:
        raise DataError(f"{folder} has no image files ({', '.join(sorted(_SUFFIXES))})")
    report(f"reading {len(test):,} test images", None)
    test_copies = grey_copies(_test_images(test))
    best: dict[int, tuple[float, Path]] = {}
    num_unreadable = 0
    for start in range(0, len(files), _BATCH):
        report(f"comparing them with {len(files):,} files", start / len(files))
        readable, pixels = [], []
        for path in files[start : start + _BATCH]:
            try:
                pixels.append(grey_copies([decode_upright(path, channels=3, least_side=_LEAST_SIDE)]))
            except UnreadableImageError:
                num_unreadable += 1
                continue
            readable.append(path)
        if not readable:
            continue
        for pair in cross_pairs(test_copies, np.concatenate(pixels)):
            if pair.first not in best or pair.correlation > best[pair.first][0]:
                best[pair.first] = (pair.correlation, readable[pair.second])
    ids = [test.ids[index] for index in test.indices.tolist()]
    found = [
        FolderCopy(id=ids[place], file=path.relative_to(folder).as_posix(), correlation=correlation)
        for place, (correlation, path) in best.items()
    ]
    return FolderCopies(
        num_test=len(test),
        num_files=len(files),
        num_unreadable=num_unreadable,
        copies=tuple(sorted(found, key=lambda copy: (-copy.correlation, copy.id))),
    )


def _test_images(test: SplitIndices) -> Iterator[NDArray[np.uint8]]:
    source = test.source
    for index in test.indices.tolist():
        if source.images is not None:
            yield np.asarray(source.images[index])
            continue
        assert source.encoded is not None, "a split has either"
        try:
            yield decode_upright(source.encoded[index], channels=3, least_side=_LEAST_SIDE)
        except UnreadableImageError as error:
            raise DataError(f"the test image {test.ids[index]} cannot be decoded: {error}") from error
