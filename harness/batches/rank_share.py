"""Batch share: the images of a batch that one of several processes learns from.

Shape suffixes: B images to learn from, L images that are loaded for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BatchShare:
    """Which images of a batch this process loads, and which of those it learns from. ``int64``, on the device."""

    batch: int
    """Images of the whole batch."""
    rows_B: Tensor
    """Images to learn from, as rows of the batch."""
    loaded_L: Tensor
    """Images to load, as rows of the batch, each once and in their order."""
    own_B: Tensor
    """Where among the loaded images those to learn from are."""
    neighbours_B: Tensor | None
    """Where the one before each of them is, the last one before the first; None where nobody wants them."""

    @classmethod
    def of(cls, rows: list[int], *, batch: int, with_neighbours: bool, whole: bool, device: torch.device) -> BatchShare:
        """Work out what to load.

        Args:
            rows: Images to learn from.
            batch: Images of the whole batch.
            with_neighbours: Whether the one before each is wanted too, as for mixing.
            whole: Whether all of the batch is to be loaded.
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
        """Of something for each loaded image, return what is for those to learn from."""
        return _rows(loaded, self.own_B)

    def neighbours(self, loaded: Tensor) -> Tensor:
        """Of something for each loaded image, return what is for the one before each of those to learn from."""
        assert self.neighbours_B is not None
        return _rows(loaded, self.neighbours_B)


def _rows(values: Tensor, rows_B: Tensor) -> Tensor:
    if values.ndim == 4 and not values.is_contiguous():  # images in channels-last memory stay there
        return values.permute(0, 2, 3, 1).index_select(0, rows_B).permute(0, 3, 1, 2)
    return values.index_select(0, rows_B)
