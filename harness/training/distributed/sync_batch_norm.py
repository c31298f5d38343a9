"""Synchronised batch normalisation: statistics of a batch that several ranks share.

Modules are not replaced: when their ``forward`` calls ``batch_norm`` in train mode, the statistics cover the images of
all ranks. Additional behaviour of subclasses, such as an activation, is therefore preserved, and the code runs on CPUs
as well as GPUs, whereas ``torch.nn.SyncBatchNorm`` requires GPUs. Calls of ``batch_norm`` outside a batch normalisation
module are not synchronised.

Shape suffixes: C channels, R ranks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode


class Collectives(Protocol):
    """The operations needed from a group of ranks; see :class:`harness.training.distributed.ranks.ManyRanks`."""

    counts: bool
    """Whether the images in the current forward pass count towards the gradient."""

    def all_gather(self, value: Tensor) -> Tensor:
        """Return the *value* ``[n]`` of each rank, in rank order: ``[R, n]``."""

    def all_reduce(self, *values: Tensor) -> None:
        """Replace each value by its sum over all ranks."""


def synchronize_batch_norms(model: nn.Module, ranks: Collectives) -> None:
    """Synchronise every batch normalisation module of *model* across ranks while it is in train mode."""
    for module in model.modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, nn.SyncBatchNorm):
            module.forward = _Synchronized(module, module.forward, ranks)  # type: ignore[method-assign]  # on this one


class _Synchronized:
    """A module's ``forward`` with a synchronised ``batch_norm`` in train mode."""

    def __init__(self, module: nn.Module, forward: Callable[..., Any], ranks: Collectives) -> None:
        self._module, self._forward, self._mode = module, forward, _Mode(ranks)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if not self._module.training:
            return self._forward(*arguments, **options)
        with self._mode:
            return self._forward(*arguments, **options)


class _Mode(TorchFunctionMode):
    def __init__(self, ranks: Collectives) -> None:
        super().__init__()
        self._ranks = ranks

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is functional.batch_norm:
            return _batch_norm(self._ranks, *args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _batch_norm(  # parameters: those of torch.nn.functional.batch_norm, and the ranks
    ranks: Collectives,
    values: Tensor,
    running_mean_C: Tensor | None,
    running_var_C: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Replace ``torch.nn.functional.batch_norm``."""
    if not training:
        return functional.batch_norm(values, running_mean_C, running_var_C, weight, bias, False, momentum, eps)
    with torch.no_grad():
        mean_C, var_C, count = _statistics(values, ranks)
        if running_mean_C is not None and running_var_C is not None:
            unbiased_C = var_C * (count / (count - 1).clamp_min(1))
            running_mean_C.lerp_(mean_C.to(running_mean_C.dtype), momentum)
            running_var_C.lerp_(unbiased_C.to(running_var_C.dtype), momentum)
    normalized: Tensor = _Normalize.apply(values, weight, bias, mean_C, var_C, count, eps, ranks)
    return normalized


def _statistics(values: Tensor, ranks: Collectives) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and biased variance per channel over the images of all ranks, and the number of values per channel.

    The ranks' statistics are combined by the formula of Chan, Golub and LeVeque (1979), which is as accurate as a
    single pass over all images. Images that do not count are left out.
    """
    wide = _wide(values)
    var_C, mean_C = torch.var_mean(wide, _others(values), correction=0)
    count = wide.new_full((1,), wide.numel() // wide.shape[1] if ranks.counts else 0)
    gathered = ranks.all_gather(torch.cat([mean_C, var_C, count]))
    mean_RC, var_RC, count_R1 = gathered.split([len(mean_C), len(mean_C), 1], dim=1)
    total = count_R1.sum()
    share_R1 = count_R1 / total
    all_mean_C = (share_R1 * mean_RC).sum(dim=0)
    all_var_C = (share_R1 * (var_RC + (mean_RC - all_mean_C).square())).sum(dim=0)
    return all_mean_C, all_var_C, total


class _Normalize(torch.autograd.Function):
    """Computes ``(values - mean) / sqrt(var + eps) * weight + bias`` with the mean and variance over all ranks."""

    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean_C: Tensor,
        var_C: Tensor,
        count: Tensor,
        eps: float,
        ranks: Collectives,
    ) -> Tensor:
        ctx.save_for_backward(values, weight, mean_C, (var_C + eps).rsqrt(), count)
        ctx.ranks, ctx.counts = ranks, ranks.counts
        return functional.batch_norm(values, mean_C, var_C, weight, bias, False, 0.0, eps)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        values, weight, mean_C, scale_C, count = ctx.saved_tensors
        grad = _wide(grads[0])
        centered = _wide(values) - _per_channel(mean_C, values)
        others = _others(values)
        sums_2C = torch.stack([grad.sum(others), (grad * centered).sum(others)])
        # The gradients of weight and bias cover this rank's images only; they are reduced later with all gradients.
        grad_weight_C = None if weight is None else (sums_2C[1] * scale_C).to(weight.dtype)
        grad_bias_C = sums_2C[0].clone() if ctx.needs_input_grad[2] else None
        ctx.ranks.all_reduce(sums_2C)
        grad_C, projected_C = sums_2C / count
        slope_C = scale_C if weight is None else scale_C * weight
        grad_values = grad - _per_channel(grad_C, values) - centered * _per_channel(projected_C * scale_C**2, values)
        grad_values = (grad_values * _per_channel(slope_C, values)).to(values.dtype)
        if not ctx.counts:  # these images are not part of the statistics
            grad_values = torch.zeros_like(grad_values)
        return grad_values, grad_weight_C, grad_bias_C, None, None, None, None, None


def _wide(values: Tensor) -> Tensor:
    """Convert half precision, which is too coarse for sums, to float32."""
    return values if values.dtype == torch.float64 else values.float()


def _others(values: Tensor) -> list[int]:
    return [dim for dim in range(values.ndim) if dim != 1]


def _per_channel(values_C: Tensor, like: Tensor) -> Tensor:
    return values_C.view(1, -1, *[1] * (like.ndim - 2))
