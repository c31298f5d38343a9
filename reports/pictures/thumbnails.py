"""Thumbnails: test images from the cache of decoded datasets, found by the fingerprint of their content.

Nothing is downloaded or decoded: if the cache does not hold the images that a trial was tested on, there are no
pictures, and the page says so.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from harness.data.images import ImageSet, PreparedData
from zoo.files.plain_files import FACTS, read_bytes

MAX_SIDE = 64
"""Pixels; larger images are scaled down."""


class Thumbnails:
    """Pictures of the test images of one dataset."""

    def __init__(self, images: ImageSet) -> None:
        self._images = images
        self._order = np.argsort(images.samples_N, kind="stable")
        self._sorted = images.samples_N[self._order]

    def pixels(self, sample: int) -> NDArray[np.uint8] | None:
        """Return a test image, ``[H, W, C]``, or None if it is not among them."""
        place = int(np.searchsorted(self._sorted, np.uint64(sample)))
        if place >= len(self._sorted) or int(self._sorted[place]) != sample:
            return None
        return np.asarray(self._images.images_NHWC[int(self._order[place])])

    def png(self, sample: int) -> bytes | None:
        """Return the picture of a test image, or None if it is not among them."""
        pixels_HWC = self.pixels(sample)
        if pixels_HWC is None:
            return None
        picture = Image.fromarray(np.ascontiguousarray(pixels_HWC[:, :, 0] if pixels_HWC.shape[2] == 1 else pixels_HWC))
        if max(picture.size) > MAX_SIDE:
            picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
        written = io.BytesIO()
        picture.save(written, "PNG", optimize=True)
        return written.getvalue()


def find_thumbnails(cache: Path | None, fingerprint: str) -> Thumbnails | None:
    """Return the pictures of the dataset with that content, if the cache holds it whole."""
    if cache is None or not fingerprint:
        return None
    for file in sorted(cache.glob("*/data.json")):
        try:
            prepared = PreparedData.model_validate_json(read_bytes(file, FACTS))
            if prepared.fingerprint != fingerprint:
                continue
            # The folder may have been moved since it was written: where it is found is where it is.
            images = prepared.model_copy(update={"folder": str(file.parent)}).load("test")
        except (OSError, ValidationError, ValueError, EOFError):
            continue  # damaged, or being written: as good as absent
        if len(images) == len(images.samples_N) == len(images.images_NHWC):
            return Thumbnails(images)
    return None


def data_uri(png: bytes) -> str:
    """Return a picture as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
