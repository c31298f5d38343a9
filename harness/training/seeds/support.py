"""What does not train as a batched network of several seeds, and why."""

from __future__ import annotations

from harness.batches.forward_settings import ForwardSettings
from harness.training.optimizers import ELEMENTWISE
from harness.training.resolved_recipe import ResolvedRecipe

OWN_FUNCTIONS = ("training_step", "on_epoch_start", "make_optimizer", "loss")
"""Functions of a recipe that are given one network, or its logits."""


def obstacle(resolved: ResolvedRecipe, settings: ForwardSettings) -> str:
    """Return why seeds cannot train together, as the end of a sentence; empty if they can, as far as this tells."""
    recipe, hp = resolved.recipe, resolved.hp
    for name in OWN_FUNCTIONS:
        if getattr(recipe, name) is not None:
            return f"the recipe has its own {name}"
    if hp.optimizer not in ELEMENTWISE:
        return f"the optimizer {hp.optimizer} is not among {', '.join(ELEMENTWISE)}"
    if hp.schedule == "plateau" and recipe.lr_factor is None:
        return "with the schedule plateau each seed has its own learning rates"
    if hp.accumulate_steps > 1:
        return "batches are learnt in parts (accumulate_steps)"
    if hp.freeze_backbone:
        return "the backbone is frozen"
    if settings.precision == "fp16":
        return "the gradients of fp16 are scaled for each seed"
    if settings.compile:
        return "the network is compiled"
    return ""
