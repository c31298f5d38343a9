"""Draws: random numbers for each image of a batch, the same whether a process has all or only some of the images."""

from __future__ import annotations

import torch
from torch import Tensor


class BatchGenerator(torch.Generator):
    """A generator that draws for a whole batch and returns the draws of some of its images.

    Each rank makes the draws of the whole batch, so that every image gets the same draws as in a single process.
    """

    batch: int
    """Number of images in the whole batch."""
    rows_B: Tensor
    """Rows of the local images in the batch; ``int64`` on the generator's device."""


def uniform(
    generator: torch.Generator, batch: int, *, before: tuple[int, ...] = (), after: tuple[int, ...] = ()
) -> Tensor:
    """Draw from [0, 1) for each of *batch* local images: ``[*before, batch, *after]``."""
    whole = (*before, _drawn_for(generator, batch), *after)
    return _here(torch.rand(whole, generator=generator, device=generator.device), generator, dim=len(before))


def integers(generator: torch.Generator, batch: int, low: int, high: int) -> Tensor:
    """Draw an integer from [low, high) for each of *batch* local images: ``int64 [batch]``."""
    whole = (_drawn_for(generator, batch),)
    return _here(torch.randint(low, high, whole, generator=generator, device=generator.device), generator, dim=0)


def _drawn_for(generator: torch.Generator, batch: int) -> int:
    if isinstance(generator, BatchGenerator):
        assert len(generator.rows_B) == batch
        return generator.batch
    return batch


def _here(drawn: Tensor, generator: torch.Generator, *, dim: int) -> Tensor:
    return drawn.index_select(dim, generator.rows_B) if isinstance(generator, BatchGenerator) else drawn
