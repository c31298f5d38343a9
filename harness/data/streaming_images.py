"""Streaming images: images that are decoded on access, because they would not fit on the disk decoded.

They are decoded by the same code as for the cache, so the pixels are the same bit for bit. Decoding runs in threads:
Pillow releases the interpreter lock while it decodes and scales, and threads can write pixels directly to their
destination, whereas processes would have to send them. Shape suffixes: N images, B batch, H height, W width,
C channels.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.image_files.decoding import decode
from harness.data.streaming_index import EncodedIndex
from zoo.preparation import Preparation

_TASK_IMAGES = 64
"""Maximum number of images that a thread decodes at a time."""


class StreamedImages:
    """The images of a split, ``uint8 [N, H, W, C]``, decoded on access; an index or a slice gives an array."""

    def __init__(
        self, folder: Path, split: str, *, preparation: Preparation, channels: int, bit_depth: int | None = None
    ) -> None:
        self._index = EncodedIndex(folder, split)
        assert preparation.size is not None, "the size is resolved before images are prepared"
        self._preparation, self._size, self._channels = preparation, preparation.size, channels
        self._bit_depth = bit_depth
        # Permanently, because filters are global and batches of several splits are decoded at the same time.
        warnings.filterwarnings("ignore", module=r"PIL\..*")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """N, H, W and C."""
        return len(self._index), self._size, self._size, self._channels

    @property
    def nbytes(self) -> int:
        """Size of all decoded images in bytes."""
        return len(self._index) * self._size * self._size * self._channels

    def __getitem__(self, places: int | slice) -> NDArray[np.uint8]:
        indices = range(len(self))[places if isinstance(places, slice) else slice(places, places + 1 or None)]
        images_BHWC = np.empty((len(indices), *self.shape[1:]), dtype=np.uint8)
        self._decode(indices, images_BHWC)
        return images_BHWC if isinstance(places, slice) else images_BHWC[0]

    def take(self, indices_B: Sequence[int], out_BHWC: NDArray[np.uint8], threads: Executor, num_threads: int) -> None:
        """Decode some images into *out_BHWC*, in *num_threads* threads.

        Raises:
            TrialError: If an image can no longer be decoded. Images that could not be decoded when the dataset was
                prepared are not part of the split.
        """
        step = max(1, min(_TASK_IMAGES, -(-len(indices_B) // num_threads)))
        starts = range(0, len(indices_B), step)
        done = threads.map(
            lambda start: self._decode(indices_B[start : start + step], out_BHWC[start : start + step]), starts
        )
        for _ in done:  # re-raises errors of threads
            pass

    def _decode(self, indices_B: Sequence[int], out_BHWC: NDArray[np.uint8]) -> None:
        how: dict[str, Any] = {
            "channels": self._channels,
            "preparation": self._preparation,
            "bit_depth": self._bit_depth,
        }
        for place, index in enumerate(indices_B):
            out_BHWC[place] = self._index.decoded(index, partial(decode, **how))
