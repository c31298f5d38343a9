"""Optimizers: update rules and parameter groups from hyperparameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from harness.faults.errors import TrialError
from harness.networks.heads import find_head
from harness.records.record import FailureKind
from harness.training.layer_decay import layer_scales
from zoo.hyperparameters import Hyperparameters
from zoo.optimizers import TIMM

FUSED_DEVICES = ("cpu", "cuda", "mps")
"""Devices with fused kernels for sgd, adam and adamw, which update all parameters in a single pass."""


def make_optimizer(model: nn.Module, hp: Hyperparameters, *, may_be_fused: bool = True) -> torch.optim.Optimizer:
    """Make the optimizer for the parameters that require gradients, with the groups of :func:`parameter_groups`."""
    groups = parameter_groups(model, hp)
    device = next(model.parameters()).device
    fused = may_be_fused and device.type in FUSED_DEVICES
    decay = hp.weight_decay
    match hp.optimizer:
        case "sgd":
            nesterov = hp.nesterov and hp.momentum > 0  # no effect without momentum, and torch rejects it
            return torch.optim.SGD(
                groups, hp.lr, momentum=hp.momentum, nesterov=nesterov, weight_decay=decay, fused=fused
            )
        case "adam":
            return torch.optim.Adam(groups, hp.lr, betas=(hp.beta1, hp.beta2), weight_decay=decay, fused=fused)
        case "adamw":
            return torch.optim.AdamW(groups, hp.lr, betas=(hp.beta1, hp.beta2), weight_decay=decay, fused=fused)
        case "rmsprop":
            # No fused kernel exists; foreach is the fastest alternative.
            return torch.optim.RMSprop(groups, hp.lr, momentum=hp.momentum, weight_decay=decay, foreach=True)
        case _:
            from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]  # timm exports it

            name = hp.optimizer.removeprefix(TIMM)
            made: torch.optim.Optimizer = create_optimizer_v2(
                groups, name, lr=hp.lr, weight_decay=decay, momentum=hp.momentum
            )
            return made


def parameter_groups(model: nn.Module, hp: Hyperparameters) -> list[dict[str, Any]]:
    """Split trainable parameters by learning rate (head, backbone, layers) and weight decay.

    Without ``decay_norm_and_bias``, weight decay skips parameters with at most one dimension (biases, and scales and
    shifts of normalisation), and those that the network lists in ``no_weight_decay()``, as timm's networks do.

    Raises:
        TrialError: If no parameter is trainable.
    """
    exempt = set() if hp.decay_norm_and_bias else _names_without_decay(model)
    in_head = set()
    if hp.backbone_lr_scale != 1:
        in_head = {id(parameter) for layer in find_head(model) for parameter in layer.parameters()}
    scales = layer_scales(model, hp.layer_decay) if hp.layer_decay != 1 else {}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        decays = hp.decay_norm_and_bias or (parameter.ndim > 1 and name not in exempt)
        is_backbone = hp.backbone_lr_scale != 1 and id(parameter) not in in_head
        lr = hp.lr * (hp.backbone_lr_scale if is_backbone else 1.0) * scales.get(name, 1.0)
        key = (lr, hp.weight_decay if decays else 0.0)
        groups.setdefault(key, []).append(parameter)
    if not groups:
        raise TrialError(FailureKind.PLUGIN, f"{type(model).__name__} has no parameters to train")
    return [{"params": params, "lr": lr, "weight_decay": decay} for (lr, decay), params in groups.items()]


def set_optimizer_mode(optimizer: torch.optim.Optimizer, *, training: bool) -> None:
    """Put an optimizer that has modes, as schedule-free ones do, into train or eval mode; others have none."""
    modes: list[Any] = [getattr(optimizer, name, None) for name in ("train", "eval")]
    if all(map(callable, modes)):
        modes[0 if training else 1]()


def _names_without_decay(model: nn.Module) -> set[str]:
    listed = getattr(model, "no_weight_decay", None)
    return set(listed()) if callable(listed) else set()
