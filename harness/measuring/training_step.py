"""Training steps: one whole step on a batch that stays on the device, as the timer and the tuner repeat it.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from harness.batches.forward_settings import ForwardSettings, set_memory_format
from harness.training.compiling import compiled
from harness.training.optimizers import set_optimizer_mode
from harness.training.precision import computing
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.step import StepContext


def training_step(
    model: nn.Module, resolved: ResolvedRecipe, settings: ForwardSettings, images_BCHW: Tensor, labels_B: Tensor
) -> Callable[[], None]:
    """Return a function that makes one step (forward, backward, update) of a copy of *model*, which stays as it is.

    Args:
        settings: How the copy runs; the images are brought into their memory format too.
        images_BCHW: Normalised images on the device; real ones with their labels keep the loss finite for many steps.
    """
    device = settings.device
    model = copy.deepcopy(model).train()
    set_memory_format(model, settings.memory_format)
    images_BCHW = images_BCHW.contiguous(memory_format=settings.memory_format)
    optimizer = resolved.make_optimizer(model)
    loss_of = resolved.make_loss()
    scaler = torch.amp.GradScaler(device.type, enabled=settings.precision == "fp16")
    forward = compiled(model, graphs=settings.graphs) if settings.compile else model
    context = StepContext(
        model, forward=forward, optimizer=optimizer, resolved=resolved, settings=settings, loss=loss_of, scaler=scaler
    )
    if resolved.recipe.training_step is not None:
        with torch.no_grad():
            context.num_classes = model.eval()(images_BCHW[:1]).shape[1]
        model.train()
    set_optimizer_mode(optimizer, training=True)
    if resolved.recipe.on_epoch_start is not None:
        resolved.recipe.on_epoch_start(context)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        if resolved.recipe.training_step is not None:
            context.learn(images_BCHW, labels_B, weight=1.0)
        else:
            with computing(device, settings.precision):
                logits_BK = forward(images_BCHW)
            scaler.scale(loss_of(logits_BK.float(), labels_B)).backward()
        scaler.step(optimizer)
        scaler.update()

    return step
