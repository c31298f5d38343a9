"""Images to check an export on: those that the classifier was tested on, where they lie in the cache, or a folder's.

Shape suffixes: N images, H height, W width, C channels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from harness.classifier_card import ClassifierCard
from harness.data_places import FACTS_FILE, using
from harness.decoding import UnreadableImageError, decode, quiet_pillow
from harness.images import PreparedData
from zoo.errors import DataError, UsageError
from zoo.image_files import walk_images


def cached_test_images(card: ClassifierCard, cache: Path, count: int) -> NDArray[np.uint8] | None:
    """Return up to *count* images spread over the test split, ``[N, H, W, C]``; None where it is not in the cache."""
    for path in sorted(cache.glob(f"*/{FACTS_FILE}")) if card.fingerprint else ():
        try:
            found = PreparedData.model_validate_json(path.read_bytes())
            if found.fingerprint != card.fingerprint:
                continue
            with using([path.parent]):
                images_NHWC = found.model_copy(update={"folder": str(path.parent)}).load("test").images_NHWC
                places = np.unique(np.linspace(0, len(images_NHWC) - 1, count).astype(int))
                return np.stack([images_NHWC[int(place)] for place in places])
        except (OSError, ValueError, ValidationError, DataError):
            continue  # damaged, or removed meanwhile
    return None


def folder_images(card: ClassifierCard, folder: Path, count: int) -> NDArray[np.uint8]:
    """Decode up to *count* images of a folder, ``[N, H, W, C]``; unreadable ones are passed over.

    Raises:
        UsageError: If it is no folder, or has no image that can be read.
    """
    if not folder.is_dir():
        raise UsageError(f"--images {folder} is no folder")
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
        raise UsageError(f"--images {folder} has no image that can be read, of {len(paths)} file(s)")
    return np.stack(images)
