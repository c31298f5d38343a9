"""Layer decay: learning rates that fall from the head of a network to its first layers.

The first layers of published weights are the most general ones, and change least (Clark et al. 2020, arXiv:2003.10555;
Bao et al. 2021, arXiv:2106.08254).
"""

from __future__ import annotations

from torch import nn

from harness.networks.heads import find_head

NUM_GROUPS = 12
"""Number of layers that a backbone is divided into if the network does not name its own."""


def layer_scales(model: nn.Module, decay: float) -> dict[str, float]:
    """Return the learning rate of each parameter relative to the head's: *decay* to the power of its distance.

    timm's networks name their layers (``group_matcher``); the parameters of others are divided, in order, into
    :data:`NUM_GROUPS` groups before the head.
    """
    layers = _layers(model)
    last = max(layers.values())
    return {name: decay ** (last - layer) for name, layer in layers.items()}


def _layers(model: nn.Module) -> dict[str, int]:
    """Return the number of each parameter's layer, counted from 0; the head's is the last."""
    names = [name for name, _ in model.named_parameters()]
    matcher = getattr(model, "group_matcher", None)
    if callable(matcher):
        from timm.models import group_parameters

        found = {
            str(name): int(layer)
            for name, layer in group_parameters(model, matcher(coarse=False), reverse=True).items()
        }
        last = max(found.values())
        return {name: found.get(name, last) for name in names}
    in_head = {id(parameter) for layer in find_head(model) for parameter in layer.parameters()}
    backbone = [name for name, parameter in model.named_parameters() if id(parameter) not in in_head]
    per_group = max(1, -(-len(backbone) // NUM_GROUPS))
    layers = {name: place // per_group for place, name in enumerate(backbone)}
    last = max(layers.values(), default=-1) + 1
    return {name: layers.get(name, last) for name in names}
