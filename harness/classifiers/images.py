"""Images to check an export on, or to find ranges on: the classifier's own, where they lie in the cache, or a folder's.

Shape suffixes: N images, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from harness.classifiers.card import ClassifierCard
from harness.data.cache_layout import FACTS_FILE, using
from harness.data.decoding import UnreadableImageError, decode, quiet_pillow
from harness.data.fold_data import fold_facts_file
from harness.data.images import ImageSet, PreparedData, SplitName
from zoo.errors import DataError, UsageError
from zoo.image_files import walk_images


def cached_test_images(card: ClassifierCard, cache: Path, count: int) -> NDArray[np.uint8] | None:
    """Return up to *count* images spread over the test split, ``[N, H, W, C]``; None where it is not in the cache."""
    return _cached_images(card, cache, "test", count)


def cached_training_images(card: ClassifierCard, cache: Path, count: int) -> NDArray[np.uint8] | None:
    """Return up to *count* images spread over the training split, as for :func:`cached_test_images`."""
    return _cached_images(card, cache, "train", count)


def _cached_images(card: ClassifierCard, cache: Path, split: SplitName, count: int) -> NDArray[np.uint8] | None:
    for prepared in prepared_data(card.fingerprint, cache):
        try:
            with using([Path(prepared.folder)]):
                return spread_images(prepared.load(split), count)
        except (OSError, ValueError, DataError):
            continue  # damaged, or removed meanwhile
    return None


def prepared_data(fingerprint: str, cache: Path) -> Iterator[PreparedData]:
    """Yield what lies in the cache of the dataset, or the fold, of that fingerprint; nothing where there is none."""
    files = sorted([*cache.glob(f"*/{FACTS_FILE}"), *cache.glob(f"*/{fold_facts_file('*')}")])
    for path in files if fingerprint else ():
        try:
            found = PreparedData.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue  # damaged, or removed meanwhile
        if found.fingerprint == fingerprint:
            yield found.model_copy(update={"folder": str(path.parent)})


def spread_images(images: ImageSet, count: int) -> NDArray[np.uint8]:
    """Return up to *count* images of a split, ``[N, H, W, C]``, at equal distances over it: always the same ones."""
    places = np.unique(np.linspace(0, len(images) - 1, count).astype(int))
    return np.stack([images.images_NHWC[int(place)] for place in places])


def folder_images(card: ClassifierCard, folder: Path, count: int, *, option: str = "--images") -> NDArray[np.uint8]:
    """Decode up to *count* images of a folder, ``[N, H, W, C]``; unreadable ones are passed over.

    Raises:
        UsageError: If it is no folder, or has no image that can be read.
    """
    if not folder.is_dir():
        raise UsageError(f"{option} {folder} is no folder")
    paths = list(walk_images(folder))
    images: list[NDArray[np.uint8]] = []
    with quiet_pillow():
        for path in paths:
            try:
                images.append(decode(path, channels=card.channels, size=card.image_size))
            except UnreadableImageError:
                continue
            if len(images) == count:
                break
    if not images:
        raise UsageError(f"{option} {folder} has no image that can be read, of {len(paths)} file(s)")
    return np.stack(images)
