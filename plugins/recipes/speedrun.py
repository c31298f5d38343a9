"""The speedrun recipe: CIFAR-10 in few epochs, using only the hooks that every recipe has.

Based on Keller Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (arXiv:2404.00498), and the later
``airbench94_muon`` (https://github.com/KellerJordan/cifar10-airbench), from which the learning rates, momenta and
weight decay are taken, converted to the mean of the losses over a batch. Its author reports a mean test accuracy of
94.01 % over 200 runs of 2.59 s each on an A100, after eight epochs on all 50,000 training images; that figure is for
his program. Here, as for every recipe, a tenth of the images is held out for validation; nine epochs of the remaining
45,000 see about as many images as his eight.

It is designed for ``speedrun_cnn``, and can train any other network. Shape suffixes: B batch, C channels, H height,
W width, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from zoo import Recipe, hookimpl

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from plugins.recipes.speedrun_settings import SpeedrunHyperparameters


@hookimpl
def zoo_recipes() -> Iterable[Recipe]:
    yield Recipe(
        name="speedrun",
        hyperparameters=_hyperparameters,
        summary="Muon for nine epochs on whitened patches, predictions averaged over views; for speedrun_cnn",
        source="https://arxiv.org/abs/2404.00498",
        space={"lr": "log(0.02, 1)", "rest_lr": "log(1e-6, 1e-4)", "label_smoothing": "uniform(0, 0.4)"},
        prepare=prepare,
        make_optimizer=make_optimizer,
        lr_factor=linear_decay,
        predict=predict,
    )


def _hyperparameters() -> SpeedrunHyperparameters:
    from plugins.recipes.speedrun_settings import SpeedrunHyperparameters

    return SpeedrunHyperparameters(
        epochs=9,
        batch_size=2000,
        lr=0.24,
        momentum=0.6,
        label_smoothing=0.2,
        crop_padding=0.0625,  # 2 pixels of 32
        flip=True,
        flip_mode="alternating",
    )


def prepare(model: nn.Module, images_BCHW: Tensor, hp: SpeedrunHyperparameters) -> None:
    """Whiten the first layer of a network that supports it."""
    whiten = getattr(model, "whiten", None)
    if callable(whiten):
        whiten(images_BCHW)


def make_optimizer(model: nn.Module, hp: SpeedrunHyperparameters) -> torch.optim.Optimizer:
    """Return an optimizer that applies Muon to convolutions, and SGD with Nesterov momentum to everything else.

    Learning rates of SGD scale with the batch size (Goyal et al. 2017, arXiv:1706.02677). That of Muon does not,
    because its steps have the same size for any gradient. Biases of layers with fixed weights (whitening, normalisation
    without scales) are the only trained parameters of their layers, and have a much higher learning rate.
    """
    from plugins.recipes.muon import Muon

    trainable = [param for param in model.parameters() if param.requires_grad]
    lone = {
        id(module.bias)
        for module in model.modules()
        if getattr(module, "weight", None) is not None and not getattr(module.weight, "requires_grad", True)
    }
    filters = [param for param in trainable if param.ndim == 4]
    shifts = [param for param in trainable if param.ndim != 4 and id(param) in lone]
    rest = [param for param in trainable if param.ndim != 4 and id(param) not in lone]
    groups: list[dict[str, Any]] = [{"params": filters, "lr": hp.lr, "momentum": hp.momentum}]
    for lr, params in ((hp.shift_lr, shifts), (hp.rest_lr, rest)):
        own = {"lr": lr * hp.batch_size, "momentum": hp.rest_momentum, "weight_decay": hp.rest_decay / lr}
        groups.append({"params": params, "orthogonalize": False, **own})
    return Muon([group for group in groups if group["params"]], hp.lr, iterations=hp.muon_iterations)


def linear_decay(progress: float, hp: SpeedrunHyperparameters) -> float:
    """Decay linearly from the peak learning rate to 0."""
    return 1 - progress


def predict(model: nn.Module, images_BCHW: Tensor, hp: SpeedrunHyperparameters) -> Tensor:
    """Average logits over an image, its mirror image, and both shifted by 1/32 of the side in two directions.

    The unshifted views count as much as the two shifted ones together (up-left and down-right): the multi-crop
    evaluation of arXiv:2404.00498. Images are mirrored only if training mirrors them, and not shifted if they have
    16 pixels or fewer.
    """
    from torch.nn.functional import pad

    def both_ways(seen_BCHW: Tensor) -> Tensor:
        seen_BK: Tensor = model(seen_BCHW)
        if hp.views == "plain" or not hp.flip:
            return seen_BK
        mirrored_BK: Tensor = model(seen_BCHW.flip(3))
        return (seen_BK + mirrored_BK) / 2

    logits_BK = both_ways(images_BCHW)
    height, width = images_BCHW.shape[2:]
    step = round(min(height, width) / 32)
    if hp.views != "moved" or step == 0:
        return logits_BK
    padded_BCHW = pad(images_BCHW, (step, step, step, step), mode="reflect")
    for start in (0, 2 * step):
        moved_BK = both_ways(padded_BCHW[:, :, start : start + height, start : start + width])
        logits_BK = logits_BK + moved_BK / 2
    return logits_BK / 2
