"""Optimizers: update rules and parameter groups from hyperparameters."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar, cast

import torch
from torch import nn

from harness.faults.errors import TrialError
from harness.networks.heads import find_head
from harness.records.record import FailureKind
from harness.training.layer_decay import layer_scales
from zoo.hyperparameters import Hyperparameters
from zoo.optimizers import TIMM

FUSED_DEVICES = ("cpu", "cuda", "mps", "xpu")
"""Devices with fused kernels for sgd, adam and adamw, which update all parameters in a single pass."""

ELEMENTWISE = ("sgd", "adam", "adamw", "rmsprop")
"""Optimizers that update each number by its own gradient alone, so that tensors may be stacked."""

_EXEMPT_FROM_COMPILING = ("add_param_group", "load_state_dict", "state_dict", "step", "zero_grad")

OptimizerT = TypeVar("OptimizerT", bound=torch.optim.Optimizer)


def make_optimizer(model: nn.Module, hp: Hyperparameters, *, may_be_fused: bool = True) -> torch.optim.Optimizer:
    """Make the optimizer for the parameters that require gradients, with the groups of :func:`parameter_groups`."""
    return optimizer_of(parameter_groups(model, hp), hp, may_be_fused=may_be_fused)


def optimizer_of(
    groups: list[dict[str, Any]], hp: Hyperparameters, *, may_be_fused: bool = True
) -> torch.optim.Optimizer:
    """Make the optimizer for *groups* of parameters."""
    device = groups[0]["params"][0].device
    fused = may_be_fused and device.type in FUSED_DEVICES
    decay = hp.weight_decay
    match hp.optimizer:
        case "sgd":
            nesterov = hp.nesterov and hp.momentum > 0  # no effect without momentum, and torch rejects it
            return _SGD(groups, hp.lr, momentum=hp.momentum, nesterov=nesterov, weight_decay=decay, fused=fused)
        case "adam":
            return _Adam(groups, hp.lr, betas=(hp.beta1, hp.beta2), weight_decay=decay, fused=fused)
        case "adamw":
            return _AdamW(groups, hp.lr, betas=(hp.beta1, hp.beta2), weight_decay=decay, fused=fused)
        case "rmsprop":
            # No fused kernel exists; foreach is the fastest alternative.
            return _RMSprop(groups, hp.lr, momentum=hp.momentum, weight_decay=decay, foreach=True)
        case _:
            from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]  # timm exports it

            name = hp.optimizer.removeprefix(TIMM)
            made: torch.optim.Optimizer = create_optimizer_v2(
                groups, name, lr=hp.lr, weight_decay=decay, momentum=hp.momentum
            )
            return made


def uncompiled(kind: type[OptimizerT]) -> type[OptimizerT]:
    """Return a subclass of one of torch's optimizers that does not import the compiler.

    Torch wraps these methods, so that ``torch.compile`` leaves them out if it meets them, and for that imports the
    compiler when they are first called, which takes about as long as importing torch. An optimizer made here is never
    compiled.
    """
    own: dict[str, Any] = {name: inspect.unwrap(getattr(kind, name)) for name in _EXEMPT_FROM_COMPILING}
    own["step"] = torch.no_grad()(own["step"])
    made: Any = type(kind.__name__, (kind,), {**own, "__module__": kind.__module__, "__doc__": kind.__doc__})
    return cast(type[OptimizerT], made)


_SGD = uncompiled(torch.optim.SGD)
_Adam = uncompiled(torch.optim.Adam)
_AdamW = uncompiled(torch.optim.AdamW)
_RMSprop = uncompiled(torch.optim.RMSprop)


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
