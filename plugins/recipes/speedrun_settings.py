"""Hyperparameters of the speedrun recipe, in their own module so that listing recipes does not import pydantic."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from zoo import Hyperparameters


class SpeedrunHyperparameters(Hyperparameters):
    """Hyperparameters of the recipe ``speedrun``. ``lr`` and ``momentum`` apply to convolutions, which Muon trains."""

    muon_iterations: int = Field(
        default=3, ge=1, le=100, description="number of Newton-Schulz iterations per step of Muon"
    )
    shift_lr: float = Field(
        default=0.053, gt=0, description="learning rate of biases in layers with fixed weights, per image of a batch"
    )
    rest_lr: float = Field(
        default=1e-5,
        gt=0,
        description="learning rate of all other parameters except convolutions, per image of a batch",
    )
    rest_momentum: float = Field(default=0.85, ge=0, lt=1, description="momentum of all parameters except convolutions")
    rest_decay: float = Field(
        default=2e-6,
        ge=0,
        description="weight decay of all parameters except convolutions, times learning rate, per image of a batch",
    )
    views: Literal["plain", "mirrored", "moved"] = Field(
        default="moved",
        description="views that predictions are averaged over: plain image; plus its mirror image; plus both, shifted",
    )
