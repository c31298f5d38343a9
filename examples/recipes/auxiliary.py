"""Auxiliary heads: a network that returns more than logits in train mode, and the recipe that uses it.

    zoo bench --plugin examples/recipes/auxiliary.py --models two_headed --recipes auxiliary --data digits

Szegedy et al. (arXiv:1409.4842) add the losses of auxiliary heads with a weight of 0.3.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from zoo import Architecture, Hyperparameters, ModelRequest, Recipe, hookimpl

if TYPE_CHECKING:
    from torch import Tensor, nn

    from zoo import TrainingContext


class AuxiliaryHyperparameters(Hyperparameters):
    """Settings of SGD, and the weight of the auxiliary head."""

    auxiliary_weight: float = Field(default=0.3, ge=0, description="weight of the auxiliary head's loss")


def build(request: ModelRequest) -> nn.Module:
    """Build two blocks of convolutions with a head each; in eval mode only the last counts."""
    import torch
    from torch import nn

    class TwoHeaded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(request.in_channels, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
            self.second = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU())
            self.auxiliary = nn.Linear(16, request.num_classes)
            self.fc = nn.Linear(32, request.num_classes)

        def forward(self, images_BCHW: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
            early = self.first(images_BCHW)
            logits_BK = self.fc(self.second(early).mean(dim=(2, 3)))
            return (logits_BK, self.auxiliary(early.mean(dim=(2, 3)))) if self.training else logits_BK

    return TwoHeaded()


def training_step(context: TrainingContext, images_BCHW: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of the head, and of the auxiliary one with its weight."""
    output = context.forward(images_BCHW)
    logits_BK, auxiliary_BK = output if isinstance(output, tuple) else (output, None)
    loss = context.loss(logits_BK.float(), targets)
    if auxiliary_BK is not None:
        loss = loss + context.hp.auxiliary_weight * context.loss(auxiliary_BK.float(), targets)
    return loss


@hookimpl
def zoo_architectures() -> Iterator[Architecture]:
    """Yield ``two_headed``."""
    yield Architecture(name="two_headed", build=build, summary="two blocks with a head each", native_size=32)


@hookimpl
def zoo_recipes() -> Iterator[Recipe]:
    """Yield ``auxiliary``."""
    yield Recipe(
        name="auxiliary",
        hyperparameters=lambda: AuxiliaryHyperparameters(epochs=15, lr=0.05, schedule="onecycle"),
        summary="SGD with the losses of auxiliary heads",
        source="https://arxiv.org/abs/1409.4842",
        training_step=training_step,
    )
