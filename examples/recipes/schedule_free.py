"""Schedule-free SGD: an optimizer with ``train()`` and ``eval()`` (Defazio et al., arXiv:2405.15682); and label mixing.

    zoo bench --plugin examples/recipes/schedule_free.py --models lenet5 --recipes schedule_free --data digits

``label_mixing`` shows an augmentation that returns targets, an optimizer that is told the steps of an epoch, and
``on_epoch_start``.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from zoo import Hyperparameters, Recipe, hookimpl

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from zoo import TrainingContext


def make_schedule_free(model: nn.Module, hp: Hyperparameters) -> torch.optim.Optimizer:
    """Return SGD that needs no schedule: gradients are taken between the fast weights and their average."""
    import torch

    class ScheduleFreeSgd(torch.optim.Optimizer):
        """In train mode the weights are ``y``, in eval mode the average ``x``; ``z`` are the fast weights."""

        def __init__(self, parameters: Any, lr: float, momentum: float, weight_decay: float) -> None:
            super().__init__(
                parameters, {"lr": lr, "momentum": momentum, "decay": weight_decay, "steps": 0, "is_training": True}
            )

        @torch.no_grad()
        def _switch(self, is_training: bool) -> None:
            for group in self.param_groups:
                if group["is_training"] == is_training:
                    continue
                group["is_training"] = is_training
                weight = 1 - group["momentum"] if is_training else 1 - 1 / group["momentum"]
                for parameter in group["params"]:
                    if "z" in self.state[parameter]:
                        parameter.lerp_(self.state[parameter]["z"], weight)

        def train(self) -> None:
            """Put ``y`` into the network."""
            self._switch(True)

        def eval(self) -> None:
            """Put ``x`` into the network."""
            self._switch(False)

        @torch.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                group["steps"] += 1
                share, beta, lr = 1 / group["steps"], group["momentum"], group["lr"]
                for y in group["params"]:
                    if y.grad is None:
                        continue
                    state = self.state[y]
                    z = state.setdefault("z", y.detach().clone())
                    gradient = y.grad.add(y, alpha=group["decay"])
                    y.lerp_(z, share)
                    y.add_(gradient, alpha=lr * (beta * (1 - share) - 1))
                    z.sub_(gradient, alpha=lr)

    return ScheduleFreeSgd(model.parameters(), hp.lr, hp.momentum, hp.weight_decay)


def mix_labels(
    images_BCHW: Tensor, generator: torch.Generator, hp: Hyperparameters, *, labels_B: Tensor, num_classes: int
) -> tuple[Tensor, Tensor]:
    """Average half of the images with their neighbour, and their labels too."""
    import torch
    from torch.nn import functional

    chosen_B = torch.rand(len(images_BCHW), generator=generator, device=images_BCHW.device) < 0.5
    targets_BK = functional.one_hot(labels_B, num_classes).float()
    mixed_BCHW = ((images_BCHW.int() + images_BCHW.roll(1, 0).int()) // 2).to(torch.uint8)
    return (
        torch.where(chosen_B.view(-1, 1, 1, 1), mixed_BCHW, images_BCHW),
        torch.where(chosen_B.view(-1, 1), (targets_BK + targets_BK.roll(1, 0)) / 2, targets_BK),
    )


def make_sgd(model: nn.Module, hp: Hyperparameters, *, steps_per_epoch: int) -> torch.optim.Optimizer:
    """Return SGD whose momentum remembers a tenth of an epoch."""
    import torch

    return torch.optim.SGD(model.parameters(), hp.lr, momentum=max(0.0, 1 - 10 / max(10, steps_per_epoch)))


def begin_softly(context: TrainingContext) -> None:
    """Leave the normalisation layers alone in the first epoch."""
    for name, parameter in context.model.named_parameters():
        if "norm" in name or "bn" in name:
            parameter.requires_grad_(context.epoch > 1)


@hookimpl
def zoo_recipes() -> Iterator[Recipe]:
    """Yield ``schedule_free`` and ``label_mixing``."""
    yield Recipe(
        name="schedule_free",
        hyperparameters=lambda: Hyperparameters(epochs=15, lr=0.5, momentum=0.9),
        summary="schedule-free SGD",
        source="https://arxiv.org/abs/2405.15682",
        make_optimizer=make_schedule_free,
    )
    yield Recipe(
        name="label_mixing",
        hyperparameters=lambda: Hyperparameters(epochs=15, lr=0.05, schedule="onecycle"),
        summary="SGD on images that are averaged with their labels",
        augment=mix_labels,
        make_optimizer=make_sgd,
        on_epoch_start=begin_softly,
    )
