"""Dropout of several seeds: each draws from its own generator what it would draw if it trained alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from harness.randomness import derive_seed


class SeedGenerators:
    """A generator for each seed, which stands for the global one that a training alone draws from.

    Args:
        memory_format: The memory format of feature maps, in whose order a training alone draws.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device, memory_format: torch.memory_format) -> None:
        self._seeds, self._memory_format = tuple(seeds), memory_format
        self._generators = [torch.Generator(device=device) for _ in seeds]

    def start_epoch(self, epoch: int) -> None:
        """Seed them as :func:`harness.randomness.seed_global` does at the start of an epoch."""
        for seed, generator in zip(self._seeds, self._generators, strict=True):
            generator.manual_seed(derive_seed(seed, "model", epoch))

    def draw_kept(self, values: Tensor, keep: float) -> Tensor:
        """Return ones with probability *keep*, otherwise zeros, like *values* ``[seeds, ...]``."""
        is_map = values.ndim == 5
        kept = [
            torch.empty(
                own.shape,
                dtype=own.dtype,
                device=own.device,
                memory_format=self._memory_format if is_map else torch.contiguous_format,
            ).bernoulli_(keep, generator=generator)
            for own, generator in zip(values, self._generators, strict=True)
        ]
        return torch.stack(kept)


class SeedDropout(nn.Module):
    """Dropout under :func:`torch.vmap` over seeds, in place of ``nn.Dropout``."""

    def __init__(self, rate: float, generators: SeedGenerators) -> None:
        super().__init__()
        self.rate = rate
        self._generators = generators

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return values
        if self.rate == 1:
            return values * 0
        keep = 1 - self.rate
        kept: Tensor = _Kept.apply(values.detach(), keep, self._generators)
        return values * (kept / keep)


class _Kept(torch.autograd.Function):
    """Which values are kept. Under vmap, the draws are made for all seeds at once."""

    @staticmethod
    def forward(values: Tensor, keep: float, generators: SeedGenerators) -> Tensor:
        raise AssertionError("it is only called for all seeds at once")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def vmap(info: Any, in_dims: Any, values: Tensor, keep: float, generators: SeedGenerators) -> tuple[Tensor, int]:
        return generators.draw_kept(values.movedim(in_dims[0], 0), keep), 0


def with_seed_dropout(network: nn.Module, generators: SeedGenerators) -> nn.Module:
    """Replace each ``nn.Dropout`` of *network*, in place, and return it."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Dropout:
                setattr(module, name, SeedDropout(child.p, generators))
    return network
