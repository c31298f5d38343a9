"""Batch share: the images of a batch that a rank trains on.

Shape suffixes: B images to train on, L images to load.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BatchShare:
    """The images of a batch that a rank loads, and those that it trains on. Tensors are ``int64``, on the device."""

    batch: int
    """Number of images in the whole batch."""
    rows_B: Tensor
    """Images to train on, as rows of the batch."""
    loaded_L: Tensor
    """Images to load, as rows of the batch, ascending and without duplicates."""
    own_B: Tensor
    """Positions of the images to train on among the loaded ones."""
    neighbours_B: Tensor | None
    """Positions of each image's predecessor among the loaded ones, cyclically; None if they are not needed."""

    @classmethod
    def of(cls, rows: list[int], *, batch: int, with_neighbours: bool, whole: bool, device: torch.device) -> BatchShare:
        """Work out which images to load.

        Args:
            rows: Images to train on, as rows of the batch.
            batch: Number of images in the whole batch.
            with_neighbours: Whether each image's predecessor is needed too, as in mixing.
            whole: Whether to load the whole batch.
        """
        before = [(row - 1) % batch for row in rows] if with_neighbours else []
        loaded = list(range(batch)) if whole else sorted({*rows, *before})
        place = {row: index for index, row in enumerate(loaded)}

        def tensor(values: list[int]) -> Tensor:
            return torch.tensor(values, dtype=torch.int64, device=device)

        return cls(
            batch=batch,
            rows_B=tensor(rows),
            loaded_L=tensor(loaded),
            own_B=tensor([place[row] for row in rows]),
            neighbours_B=tensor([place[row] for row in before]) if with_neighbours else None,
        )

    def own(self, loaded: Tensor) -> Tensor:
        """Select the rows of *loaded* that belong to the images to train on."""
        return _rows(loaded, self.own_B)

    def neighbours(self, loaded: Tensor) -> Tensor:
        """Select the rows of *loaded* that belong to the predecessors of the images to train on."""
        assert self.neighbours_B is not None
        return _rows(loaded, self.neighbours_B)


def _rows(values: Tensor, rows_B: Tensor) -> Tensor:
    if values.ndim == 4 and not values.is_contiguous():  # images in channels-last memory stay there
        return values.permute(0, 2, 3, 1).index_select(0, rows_B).permute(0, 3, 1, 2)
    return values.index_select(0, rows_B)
