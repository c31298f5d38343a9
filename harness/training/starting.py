"""Starting: the weights that a training starts with. Shape suffixes: B batch, C channels, H height, W width."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from harness.networks.heads import find_head
from harness.networks.initialization import initialize
from harness.randomness import seed_global
from harness.training.resolved_recipe import ResolvedRecipe

PREPARE_IMAGES = 5000
"""Maximum number of images passed to a recipe's ``prepare``: enough for any pixel statistics."""


def start_network(model: nn.Module, resolved: ResolvedRecipe, *, seed: int, some: Callable[[int], Tensor]) -> None:
    """Initialise a network in place: as the hyperparameters say, then by the recipe's own ``prepare``.

    Args:
        some: Returns up to a given number of normalised training images ``[B, C, H, W]``, always the same ones.
    """
    hp = resolved.hp
    seed_global(seed, "start")
    # Pretrained weights are kept: only the head is new.
    starts_at_head = hp.init != "default" and (hp.pretrained or hp.init == "zero_head")
    initialize(find_head(model) if starts_at_head else (model,), hp.init)
    if resolved.recipe.prepare is not None:
        resolved.recipe.prepare(model, some(PREPARE_IMAGES), hp)
