"""Draws: random numbers for each image of a batch, the same whether all of its images are here or only some."""

from __future__ import annotations

import torch
from torch import Tensor


class BatchGenerator(torch.Generator):
    """A generator whose draws are made for a whole batch, and handed out for some of its images.

    Each of several processes that share a batch makes all of its draws, so that every image gets those that it would
    get if one process had them all.
    """

    batch: int
    """Images of the whole batch."""
    rows_B: Tensor
    """Which of them are here; ``int64`` on the generator's device."""


def uniform(
    generator: torch.Generator, batch: int, *, before: tuple[int, ...] = (), after: tuple[int, ...] = ()
) -> Tensor:
    """Draw from [0, 1) for each image: ``[*before, batch, *after]``, where *batch* images are here."""
    whole = (*before, _drawn_for(generator, batch), *after)
    return _here(torch.rand(whole, generator=generator, device=generator.device), generator, dim=len(before))


def integers(generator: torch.Generator, batch: int, low: int, high: int) -> Tensor:
    """Draw a whole number from [low, high) for each image: ``int64 [batch]``, where *batch* images are here."""
    whole = (_drawn_for(generator, batch),)
    return _here(torch.randint(low, high, whole, generator=generator, device=generator.device), generator, dim=0)


def _drawn_for(generator: torch.Generator, batch: int) -> int:
    if isinstance(generator, BatchGenerator):
        assert len(generator.rows_B) == batch
        return generator.batch
    return batch


def _here(drawn: Tensor, generator: torch.Generator, *, dim: int) -> Tensor:
    return drawn.index_select(dim, generator.rows_B) if isinstance(generator, BatchGenerator) else drawn
