"""Images for verifying and calibrating an export: the classifier's own from the cache, or those in a folder.

Shape suffixes: N images, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from harness.classifiers.card import ClassifierCard
from harness.data.cache_layout import FACTS_FILE, using
from harness.data.fold_data import fold_facts_file
from harness.data.image_files.decoding import decode
from harness.data.image_files.opening import UnreadableImageError, quiet_pillow
from harness.data.images import ImageSet, PreparedData, SplitName
from zoo.errors import DataError, UsageError
from zoo.files.image_files import LeftOut, walk_images
from zoo.files.plain_files import FACTS, read_bytes
from zoo.preparation import Preparation
from zoo.text import plural


def cached_test_images(card: ClassifierCard, cache: Path, count: int) -> NDArray[np.uint8] | None:
    """Return up to *count* images spread over the test set, ``[N, H, W, C]``, or None if it is not in the cache."""
    return _cached_images(card, cache, "test", count)


def cached_training_images(card: ClassifierCard, cache: Path, count: int) -> NDArray[np.uint8] | None:
    """Return up to *count* images spread over the training set, like :func:`cached_test_images`."""
    return _cached_images(card, cache, "train", count)


def _cached_images(card: ClassifierCard, cache: Path, split: SplitName, count: int) -> NDArray[np.uint8] | None:
    for prepared in prepared_data(card.fingerprint, card.preparation, cache):
        try:
            with using(prepared.folders):
                return spread_images(prepared.load(split), count)
        except (OSError, ValueError, DataError):
            continue  # damaged, or removed meanwhile
    return None


def prepared_data(fingerprint: str, preparation: Preparation, cache: Path) -> Iterator[PreparedData]:
    """Yield the cached data of the dataset, draw or fold with *fingerprint* that were prepared in this way; nothing if
    the fingerprint is empty.
    """
    patterns = (FACTS_FILE, fold_facts_file("*"), "resplit-*.json")
    files = sorted(path for pattern in patterns for path in cache.glob(f"*/{pattern}"))
    for path in files if fingerprint else ():
        try:
            found = PreparedData.model_validate_json(read_bytes(path, FACTS))
        except (OSError, ValidationError):
            continue  # damaged, or removed meanwhile
        if found.fingerprint == fingerprint and found.view == preparation.view:
            yield found.model_copy(update={"folder": str(path.parent)})


def spread_images(images: ImageSet, count: int) -> NDArray[np.uint8]:
    """Return up to *count* evenly spaced images of a split, ``[N, H, W, C]``; always the same ones."""
    places = np.unique(np.linspace(0, len(images) - 1, count).astype(int))
    return np.stack([images.images_NHWC[int(place)] for place in places])


def folder_images(
    card: ClassifierCard,
    folder: Path,
    count: int,
    *,
    option: str = "--images",
    tell: Callable[[str], None] = lambda sentence: None,
) -> NDArray[np.uint8]:
    """Decode up to *count* images in a folder, ``[N, H, W, C]``.

    Unreadable images are left out. *tell* is called with a sentence on them, and on other files that were left out.

    Raises:
        UsageError: If it is not a folder or has no readable image; *option* is named in the message.
    """
    if not folder.is_dir():
        raise UsageError(f"{option} {folder}: this is not a folder")
    left_out = LeftOut()
    paths = list(walk_images(folder, left_out))
    images: list[NDArray[np.uint8]] = []
    unreadable: list[str] = []
    with quiet_pillow():
        for path in paths:
            try:
                images.append(
                    decode(path, channels=card.channels, preparation=card.preparation, bit_depth=card.bit_depth)
                )
            except UnreadableImageError as error:
                unreadable.append(f"{path}: {error}")
                continue
            if len(images) == count:
                break
    if not images:
        reasons = [*left_out.omissions(), *left_out.notes(), *unreadable[:1]]
        why = f": {'; '.join(reasons)}" if reasons else ""
        raise UsageError(f"{option} {folder}: none of its {len(paths)} image file(s) can be read{why}")
    for sentence in (*left_out.omissions(), *left_out.notes()):
        tell(f"{option} {folder}: {sentence}")
    if unreadable:
        tell(f"{option} {folder}: {plural(len(unreadable), 'image file')} left out: {unreadable[0]}")
    return np.stack(images)
