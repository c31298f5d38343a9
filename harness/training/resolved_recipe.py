"""Resolved recipes: a recipe together with the hyperparameters of one training.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from harness.training.losses import Loss, make_loss
from harness.training.optimizers import make_optimizer
from harness.training.prediction_views import Predict, predict_of
from zoo.calling.signatures import accepted
from zoo.hyperparameters import Hyperparameters
from zoo.recipe import Recipe


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ResolvedRecipe:
    """A recipe and its resolved hyperparameters; the recipe's own functions, if any, replace the engine's."""

    recipe: Recipe
    hp: Hyperparameters

    def make_optimizer(self, model: nn.Module, *, steps_per_epoch: int = 1) -> torch.optim.Optimizer:
        """Return an optimizer for the trainable parameters of *model*."""
        own = self.recipe.make_optimizer
        if own is not None:
            return own(model, self.hp, **accepted(own, {"steps_per_epoch": steps_per_epoch}))
        # Fused kernels take no momentum that begins later, as that of a layer which is unfrozen does.
        return make_optimizer(model, self.hp, may_be_fused=self.recipe.on_epoch_start is None)

    def make_loss(self, class_weights_K: Tensor | None = None) -> Loss:
        """Return the loss; a recipe's own loss takes no class weights."""
        own = self.recipe.loss
        if own is None:
            return make_loss(self.hp, class_weights_K=class_weights_K)
        return lambda logits_BK, targets: own(logits_BK, targets, self.hp)

    @property
    def predict(self) -> Predict | None:
        """Function ``(model, images_BCHW) -> logits_BK`` to call instead of the model; None: call the model itself."""
        return predict_of(self.recipe, self.hp)
