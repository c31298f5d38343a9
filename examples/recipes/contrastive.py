"""Supervised contrastive loss on the features before the head, beside cross-entropy (Khosla et al., arXiv:2004.11362).

    zoo bench --plugin examples/recipes/contrastive.py --models lenet5 --recipes contrastive --data digits

Pairs are those of a micro-batch on one device, so another ``accumulate_steps`` or ``--gpus-per-trial`` trains something
else. The paper's second stage and
its projection head are left out.

Shape suffixes: B batch, C channels, H height, W width, D features.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from zoo import Hyperparameters, Recipe, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from zoo import TrainingContext


class ContrastiveHyperparameters(Hyperparameters):
    """Settings of SGD, and of the contrastive loss."""

    temperature: float = Field(default=0.1, gt=0, description="temperature of the similarities")
    contrast: float = Field(default=0.5, ge=0, description="weight of the contrastive loss")


def contrastive_loss(features_BD: Tensor, labels_B: Tensor, *, temperature: float) -> Tensor:
    """Return the mean over images of the negative mean log-probability of their class-mates among all others.

    An image without a class-mate counts 0.
    """
    import torch
    from torch.nn import functional

    unit_BD = functional.normalize(features_BD, dim=1)
    similar_BB = unit_BD @ unit_BD.T / temperature
    itself_BB = torch.eye(len(labels_B), dtype=torch.bool, device=labels_B.device)
    mates_BB = (labels_B[:, None] == labels_B[None, :]) & ~itself_BB
    log_shares_BB = similar_BB - similar_BB.masked_fill(itself_BB, -torch.inf).logsumexp(dim=1, keepdim=True)
    counts_B = mates_BB.sum(dim=1)
    losses_B = -(log_shares_BB * mates_BB).sum(dim=1) / counts_B.clamp_min(1)
    return losses_B.mean()


def training_step(context: TrainingContext, images_BCHW: Tensor, targets: Tensor) -> Tensor:
    """Return the recipe's loss, and the contrastive one with its weight."""
    logits_BK, features_BD = context.embed(images_BCHW)
    labels_B = targets if targets.ndim == 1 else targets.argmax(dim=1)
    contrast = contrastive_loss(features_BD, labels_B, temperature=context.hp.temperature)
    return context.loss(logits_BK, targets) + context.hp.contrast * contrast


@hookimpl
def zoo_recipes() -> Iterator[Recipe]:
    """Yield ``contrastive``."""
    yield Recipe(
        name="contrastive",
        hyperparameters=lambda: ContrastiveHyperparameters(epochs=15, lr=0.05, schedule="onecycle"),
        summary="SGD with a supervised contrastive loss on the features",
        source="https://arxiv.org/abs/2004.11362",
        training_step=training_step,
    )
