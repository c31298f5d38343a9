"""Steps: one whole training step on a batch that stays on the device, as the timer and the tuner repeat it.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from harness.training.compiling import compiled
from harness.training.losses import make_loss
from harness.training.optimizers import make_optimizer
from harness.training.precision import Precision, computing
from zoo.hyperparameters import Hyperparameters
from zoo.recipe import Recipe


def training_step(
    model: nn.Module,
    recipe: Recipe,
    hp: Hyperparameters,
    images_BCHW: Tensor,
    labels_B: Tensor,
    *,
    precision: Precision,
    channels_last: bool | None = None,
    compile: bool = False,
    graphs: bool = False,
) -> Callable[[], None]:
    """Return a function that makes one step (forward, backward, update) of a copy of *model*, which is left as it is.

    Args:
        images_BCHW: Normalised images; real ones with their labels keep the loss finite for many steps.
        graphs: Whether what is compiled is recorded as CUDA graphs too.
        channels_last: The memory layout of the copy and of the images; None: as they are.
    """
    device = images_BCHW.device
    model = copy.deepcopy(model).train()
    if channels_last is not None:
        memory_format = torch.channels_last if channels_last else torch.contiguous_format
        model.to(memory_format=memory_format)
        images_BCHW = images_BCHW.contiguous(memory_format=memory_format)
    optimizer = make_optimizer(model, hp) if recipe.make_optimizer is None else recipe.make_optimizer(model, hp)
    loss_of = make_loss(hp) if recipe.loss is None else lambda logits, targets: recipe.loss(logits, targets, hp)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
    forward = compiled(model, graphs=graphs) if compile else model

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with computing(device, precision):
            logits_BK = forward(images_BCHW)
        scaler.scale(loss_of(logits_BK.float(), labels_B)).backward()
        scaler.step(optimizer)
        scaler.update()

    return step
