"""Settings of the speedrun recipe; apart from it, because pydantic is imported when a recipe is used only."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from zoo import Hyperparameters


class SpeedrunHyperparameters(Hyperparameters):
    """Settings of the recipe ``speedrun``. ``lr`` and ``momentum`` are those of convolutions, which Muon trains."""

    muon_iterations: int = Field(
        default=3, ge=1, le=100, description="Newton-Schulz iterations that make a step of Muon orthogonal"
    )
    shift_lr: float = Field(
        default=0.053, gt=0, description="learning rate of biases whose layer's weights are fixed, per image of a batch"
    )
    rest_lr: float = Field(
        default=1e-5, gt=0, description="learning rate of all else that is no convolution, per image of a batch"
    )
    rest_momentum: float = Field(default=0.85, ge=0, lt=1, description="momentum of all that is no convolution")
    rest_decay: float = Field(
        default=2e-6,
        ge=0,
        description="weight decay of all that is no convolution, times learning rate, per image of a batch",
    )
    views: Literal["plain", "mirrored", "moved"] = Field(
        default="moved",
        description="what predictions are averaged over: the image; its mirror image too; both, moved by a pixel, too",
    )
