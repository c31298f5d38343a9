"""SAM: sharpness-aware minimisation, two passes a step (Foret et al., arXiv:2010.01412).

    zoo bench --plugin examples/recipes/sam.py --models lenet5 --recipes sam,sgd_quick --data digits

The ascent is taken for each micro-batch by itself, as the paper does on several accelerators. It trains on one device:
what each step takes the gradients of is not shared.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import Field

from zoo import Hyperparameters, Recipe, hookimpl

if TYPE_CHECKING:
    from torch import Tensor, nn

    from zoo import TrainingContext


class SamHyperparameters(Hyperparameters):
    """Settings of SGD, and the radius of the ascent."""

    rho: float = Field(default=0.05, gt=0, description="length of the step up before the gradient is taken")


def training_step(context: TrainingContext, images_BCHW: Tensor, targets: Tensor) -> Tensor:
    """Take the gradient where the loss is highest within a radius of *rho*."""
    import torch

    parameters = context.parameters()
    loss = context.loss(context.logits(images_BCHW), targets)
    gradients = context.gradients(loss)
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each) for each in gradients]))
    before = [parameter.detach().clone() for parameter in parameters]
    try:
        with torch.no_grad():
            torch._foreach_add_(parameters, torch._foreach_mul(gradients, context.hp.rho / (norm + 1e-12)))
        with still_statistics(context.model):
            context.backward(context.loss(context.logits(images_BCHW), targets))
    finally:
        with torch.no_grad():
            torch._foreach_copy_(parameters, before)  # subtracting would leave a rounding error
    return loss.detach()


@contextmanager
def still_statistics(model: nn.Module) -> Iterator[None]:
    """Keep the running statistics of batch normalisation as they are: the raised weights are not the network's."""
    from torch.nn.modules.batchnorm import _BatchNorm

    norms = [each for each in model.modules() if isinstance(each, _BatchNorm)]
    momenta = [each.momentum for each in norms]
    kept = [each.num_batches_tracked.clone() if each.num_batches_tracked is not None else None for each in norms]
    for each in norms:
        each.momentum = 0.0
    try:
        yield
    finally:
        for each, momentum, count in zip(norms, momenta, kept, strict=True):
            each.momentum = momentum
            if count is not None:
                each.num_batches_tracked.copy_(count)


@hookimpl
def zoo_recipes() -> Iterator[Recipe]:
    """Yield ``sam``."""
    yield Recipe(
        name="sam",
        hyperparameters=lambda: SamHyperparameters(epochs=15, lr=0.05, schedule="onecycle", weight_decay=5e-4),
        summary="SGD with sharpness-aware minimisation",
        source="https://arxiv.org/abs/2010.01412",
        training_step=training_step,
    )
