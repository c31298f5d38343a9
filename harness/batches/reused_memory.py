"""Reused memory: batches on the CPU whose memory is used again as soon as nobody holds them.

The memory of a large batch would otherwise be mapped anew for each, and touching new pages costs about as much as
writing the pixels.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_KEPT = 4
"""Number of free blocks to keep; more are only freed while many batches are held."""


class ReusedMemory:
    """Tensors of any shape and type in blocks of one size, each of which returns here with the last tensor in it."""

    def __init__(self, block_bytes: int) -> None:
        self.block_bytes = block_bytes
        self._free: list[NDArray[np.uint8]] = []

    def empty(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Return a contiguous tensor with arbitrary values, which nothing else refers to.

        Raises:
            ValueError: If it is larger than a block.
        """
        num_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if num_bytes > self.block_bytes:
            raise ValueError(f"{num_bytes:,} bytes do not fit into a block of {self.block_bytes:,}")
        with torch.inference_mode(False):  # other threads write to it, and networks may learn from it
            try:
                block = self._free.pop()
            except IndexError:
                block = torch.empty(self.block_bytes, dtype=torch.uint8).numpy()  # aligned for vector units
            # Torch refers to this view as long as any tensor refers to the memory, views and gradients included.
            lent = block[:num_bytes]
            weakref.finalize(lent, self._take_back, block).atexit = False
            return torch.from_numpy(lent).view(dtype).view(*shape)

    def _take_back(self, block: NDArray[np.uint8]) -> None:
        if len(self._free) < _KEPT:
            self._free.append(block)
