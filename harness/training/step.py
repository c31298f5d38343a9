"""Steps: what a recipe's own training step is given, and how its loss becomes gradients.

Shape suffixes: B images of a micro-batch, C channels, H height, W width, K classes, D features.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from harness.batches.forward_settings import ForwardSettings
from harness.faults.errors import TrialError
from harness.networks.heads import find_head
from harness.records.record import FailureKind
from harness.training.evaluation import checked_logits
from harness.training.losses import Loss
from harness.training.precision import computing
from harness.training.resolved_recipe import ResolvedRecipe


class StepContext:
    """A :class:`zoo.training_context.TrainingContext`, whose attributes and methods are described there.

    Args:
        model: The network.
        forward: Calls it as it is trained.
        optimizer: Updates its weights.
        resolved: The recipe and its hyperparameters.
        settings: How the network runs.
        loss: The recipe's loss.
        scaler: Scales losses in fp16.
        is_alone: Whether a single process trains.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        forward: Callable[[Tensor], Any],
        optimizer: torch.optim.Optimizer,
        resolved: ResolvedRecipe,
        settings: ForwardSettings,
        loss: Loss,
        scaler: torch.amp.GradScaler,
        is_alone: bool = True,
    ) -> None:
        self.model, self.optimizer, self.hp = model, optimizer, resolved.hp
        self.device = settings.device
        self.mean, self.std = tuple(settings.normalization.mean), tuple(settings.normalization.std)
        self.num_classes = 0
        self.step, self.epoch, self.epochs, self.steps_per_epoch = 0, 1, resolved.hp.epochs, 1
        self.cache: dict[str, Any] = {}
        self._forward, self._own_loss, self._scaler = forward, loss, scaler
        self._own_step = resolved.recipe.training_step
        self._precision = settings.precision
        self._is_alone = is_alone
        self._weight = 1.0
        self._has_gradients = False

    def learn(self, images_BCHW: Tensor, targets: Tensor, *, weight: float) -> Tensor:
        """Call the recipe's step, add the gradients of its loss times *weight*, and return the loss, detached.

        Raises:
            TrialError: If it returns no loss (kind plugin).
        """
        assert self._own_step is not None
        self._weight, self._has_gradients = weight, False
        loss: Any = self._own_step(self, images_BCHW, targets)
        if not isinstance(loss, Tensor) or loss.ndim or not loss.is_floating_point():
            given = f"a tensor {list(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise TrialError(FailureKind.PLUGIN, f"training_step returned {given}, not a loss: a floating-point scalar")
        if not self._has_gradients:
            if not loss.requires_grad:
                raise TrialError(
                    FailureKind.PLUGIN, "training_step returned a loss without gradients, and did not call backward"
                )
            self.backward(loss)
        detached: Tensor = loss.detach().float()
        return detached

    def forward(self, images_BCHW: Tensor) -> Any:
        with self.autocast():
            return self._forward(images_BCHW)

    def logits(self, images_BCHW: Tensor) -> Tensor:
        return checked_logits(self.forward(images_BCHW), len(images_BCHW), self.num_classes or None).float()

    def embed(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        (head, *_) = find_head(self.model)
        seen: list[Tensor] = []
        handle = head.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        try:
            logits_BK = self.logits(images_BCHW)
        finally:
            handle.remove()
        if not seen:  # a compiled network does not call what was added to its layers later
            raise TrialError(FailureKind.PLUGIN, "training_step asks for features, which --compile does not give")
        features = seen[-1].float()
        return logits_BK, features.mean(dim=(2, 3)) if features.ndim == 4 else features.flatten(1)

    def loss(self, logits_BK: Tensor, targets: Tensor) -> Tensor:
        return self._own_loss(logits_BK, targets)

    def autocast(self) -> AbstractContextManager[object]:
        return computing(self.device, self._precision)

    def backward(self, loss: Tensor) -> None:
        self._has_gradients = True
        torch.autograd.backward(self._scaler.scale(loss if self._weight == 1 else loss * self._weight))

    def gradients(self, loss: Tensor) -> list[Tensor]:
        if not self._is_alone:
            raise TrialError(
                FailureKind.PLUGIN,
                "training_step takes gradients itself, which several devices cannot share: leave out --gpus-per-trial",
            )
        parameters = self.parameters()
        found: Any = torch.autograd.grad(self._scaler.scale(loss), parameters, allow_unused=True)
        scale = self._scaler.get_scale() if self._scaler.is_enabled() else 1.0
        return [
            torch.zeros_like(parameter) if gradient is None else gradient / scale if scale != 1 else gradient
            for parameter, gradient in zip(parameters, found, strict=True)
        ]

    def parameters(self) -> list[nn.Parameter]:
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
