"""Stores: where the whole images of a split are kept, decoded or encoded, and how they are read.

Shape suffixes: N images, H height, W width, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data.photographs.encoded import EncodedImages
from harness.data.photographs.packed import PackedImages
from harness.records.spec import FrozenModel


class WholeStore(FrozenModel):
    """The whole images of a split in the cache, written as ``data.json``."""

    folder: str
    """Absolute path of its folder."""
    split: str
    """The split: ``train``, or ``test`` if all images are stored together for cross-validation."""
    num_images: int
    channels: int
    rung: int
    """Maximum length of the shorter sides in pixels."""
    bit_depth: int | None = None
    """Number of bits that the values of deep images use, as in the dataset's spec."""
    encoded: bool = False
    """Whether images are decoded on access, because they would not fit decoded."""

    def load(self, places_N: NDArray[np.int64] | None = None) -> PackedImages | EncodedImages | SelectedPhotographs:
        """Return the images, or those at some places."""
        folder = Path(self.folder)
        images: PackedImages | EncodedImages
        if self.encoded:
            images = EncodedImages(folder, self.split, channels=self.channels, rung=self.rung, bit_depth=self.bit_depth)
        else:
            images = PackedImages(folder, self.split, channels=self.channels)
        return images if places_N is None else SelectedPhotographs(images=images, places_N=places_N)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SelectedPhotographs:
    """Whole images selected from those of a split, in any order."""

    images: PackedImages | EncodedImages
    places_N: NDArray[np.int64]
    """Indices of the selected images."""

    def __len__(self) -> int:
        return len(self.places_N)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Return an image, ``uint8 [H, W, C]``."""
        return self.images[int(self.places_N[index])]
