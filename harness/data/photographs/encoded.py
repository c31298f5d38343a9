"""Encoded images: the whole images of a split, decoded on access, to the pixels of :mod:`~.packed`."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.photographs.whole import decode_whole
from harness.data.streaming_index import EncodedIndex


class EncodedImages:
    """The whole images of a split: an index decodes one to ``uint8 [H, W, C]``. Thread-safe."""

    def __init__(self, folder: Path, split: str, *, channels: int, rung: int, bit_depth: int | None = None) -> None:
        self._index = EncodedIndex(folder, split)
        self._channels, self._rung, self._bit_depth = channels, rung, bit_depth
        # Permanently, because filters are global and images are decoded in threads.
        warnings.filterwarnings("ignore", module=r"PIL\..*")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Decode an image.

        Raises:
            TrialError: If it can no longer be decoded.
        """
        decode = partial(decode_whole, channels=self._channels, rung=self._rung, bit_depth=self._bit_depth)
        return self._index.decoded(index, decode)
