"""Recipes: how a network is trained, from its first weights to the ones that are tested.

A recipe is hyper-parameters that the engine understands, plus, where those are not enough, functions that take
the place of one part of it. Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.names import check_name

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from zoo.hyperparameters import Hyperparameters


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """A training recipe that can be selected by name.

    The functions are all optional; each gets the resolved hyper-parameters ``hp`` last. There ``hp.flip`` is off
    where a mirrored image of the dataset may not keep its label.
    """

    name: str
    """Its name within its namespace: ``sgd_step``."""
    hyperparameters: Callable[[], Hyperparameters]
    """Makes its hyper-parameters; any of them can be overridden with ``--set recipe.KEY=VALUE``. A function
    (``lambda: Hyperparameters(lr=0.1)``), so that listing recipes costs nothing."""
    summary: str = ""
    """One line for ``zoo list``."""
    source: str = ""
    """The paper or page it comes from."""
    namespace: str = ""
    """First half of its full name; empty means the plugin's own name."""
    short: bool = True
    """Whether it may be selected by ``name`` alone."""
    prepare: Callable[[nn.Module, Tensor, Any], None] | None = None
    """``(model, images_BCHW, hp)``: changes the new model in place, given up to 5,000 normalised training
    images; for data-dependent initialisation."""
    make_optimizer: Callable[[nn.Module, Any], torch.optim.Optimizer] | None = None
    """``(model, hp)``: makes the optimizer; takes the place of ``hp.optimizer`` and the settings below it."""
    lr_factor: Callable[[float, Any], float] | None = None
    """``(progress, hp)``: learning rate relative to each group's own, at *progress* in [0, 1) of all steps;
    takes the place of ``hp.schedule``. Must be pure."""
    augment: Callable[[Tensor, torch.Generator, Any], Tensor] | None = None
    """``(images_BCHW, generator, hp)``: changes a batch of ``uint8`` images, drawing independently for each image
    from *generator* only, on the images' device; runs after the augmentations of ``hp``."""
    loss: Callable[[Tensor, Tensor, Any], Tensor] | None = None
    """``(logits_BK, targets, hp)``: mean loss as a scalar; targets are class indices ``[B]``, or probabilities
    ``[B, K]`` under mixup or CutMix. Takes the place of cross-entropy."""
    predict: Callable[[nn.Module, Tensor, Any], Tensor] | None = None
    """``(model, images_BCHW, hp)``: logits ``[B, K]`` for validation and test; for test-time augmentation.
    Must not draw random numbers."""

    def __post_init__(self) -> None:
        check_name(self.name, "recipe name")
        if self.namespace:
            check_name(self.namespace, "namespace")
        for what in ("hyperparameters", "prepare", "make_optimizer", "lr_factor", "augment", "loss", "predict"):
            value = getattr(self, what)
            if not callable(value) and (value is not None or what == "hyperparameters"):
                raise ValueError(f"recipe {self.name!r}: {what} must be callable")
