"""The networks of several seeds as one. Shape suffixes: S seeds, B batch, C channels, H height, W width, K classes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from harness.training.seeds.dropout import SeedGenerators, with_seed_dropout


class SeedNetworks(nn.Module):
    """Networks of one architecture, whose tensors of the same name are stacked in one tensor.

    The given networks go on to work: their parameters and buffers become views of the stacked ones, so that each can be
    evaluated, saved and loaded alone.

    Args:
        networks: One for each seed, on their device and in their memory format.
        generators: What dropout draws from.
    """

    def __init__(self, networks: Sequence[nn.Module], generators: SeedGenerators) -> None:
        super().__init__()
        self.networks = tuple(networks)  # a tuple, so that their parameters are not this module's
        template = with_seed_dropout(copy.deepcopy(networks[0]), generators)
        self._template = (template,)
        self.stacked = copy.deepcopy(networks[0])
        """Holds the stacked tensors under the networks' own names; it is never called."""
        _stack(self.stacked, networks)
        # Operations without a rule for batches run once for each seed; the probe shows what that costs.
        functorch: Any = torch._C._functorch  # its stubs lack the function
        functorch._set_vmap_fallback_warning_enabled(False)
        self._call = torch.vmap(self._call_one, randomness="error")

    def forward(self, images_SBCHW: Tensor) -> Tensor:
        """Return the logits ``[S, B, K]`` of each network for its own images."""
        parameters: dict[str, Tensor] = dict(self.stacked.named_parameters())
        buffers = dict(self.stacked.named_buffers())
        return self._call(parameters, buffers, images_SBCHW)

    def train(self, mode: bool = True) -> SeedNetworks:
        """Put all networks into train or eval mode."""
        self._template[0].train(mode)
        for each in self.networks:
            each.train(mode)
        return self

    def _call_one(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], images_BCHW: Tensor) -> Tensor:
        return cast(Tensor, functional_call(self._template[0], (parameters, buffers), (images_BCHW,)))


def stacked(tensors: Sequence[Tensor]) -> Tensor:
    """Return a copy of tensors of one shape as one tensor, whose parts have the strides of the first tensor."""
    first = tensors[0].detach()
    if first.ndim == 4 and first.is_contiguous(memory_format=torch.channels_last):
        strides = (first.numel(), *first.stride())
        whole = torch.empty_strided((len(tensors), *first.shape), strides, dtype=first.dtype, device=first.device)
    else:
        whole = torch.empty((len(tensors), *first.shape), dtype=first.dtype, device=first.device)
    with torch.no_grad():
        for place, tensor in zip(whole, tensors, strict=True):
            place.copy_(tensor)
    return whole


def _stack(holder: nn.Module, networks: Sequence[nn.Module]) -> None:
    """Replace the tensors of *holder* by stacked ones, and those of *networks* by views of these."""
    made: dict[int, tuple[Tensor, list[Tensor]]] = {}  # by the tensor that they replace: some are shared by modules
    replaced: list[Tensor] = []  # kept, so that no identity is used twice
    for place, *places in zip(holder.modules(), *(each.modules() for each in networks), strict=True):
        for kind in ("_parameters", "_buffers"):
            own: dict[str, Tensor | None] = getattr(place, kind)
            theirs: list[dict[str, Tensor]] = [getattr(each, kind) for each in places]
            for name, value in own.items():
                if value is None:
                    continue
                if id(value) not in made:
                    made[id(value)] = _whole_and_views(value, [each[name] for each in theirs])
                    replaced.append(value)
                own[name], views = made[id(value)]
                for each, view in zip(theirs, views, strict=True):
                    each[name] = view


def _whole_and_views(value: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Return *tensors* stacked, and a view of each; parameters if *value* is one."""
    whole = stacked(tensors)
    if not isinstance(value, nn.Parameter):
        return whole, list(whole)
    views: list[Tensor] = [nn.Parameter(view, value.requires_grad) for view in whole]
    return nn.Parameter(whole, value.requires_grad), views
