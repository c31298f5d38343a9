"""Muon: momentum with orthogonalised updates for matrices, and SGD for other parameters.

Keller Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"
(https://kellerjordan.github.io/posts/muon). Updates are orthogonalised by the Newton-Schulz iteration
(Bernstein and Newhouse 2024, arXiv:2409.20325), which only needs matrix products.

Shape suffixes: S stacked matrices of the same shape, R rows, C columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of x, x³ and x⁵ as published: steep at 0, so that small singular values grow fast. Large ones end up
near 1 rather than at 1, which does not affect training."""


def orthogonalized(matrices_SRC: Tensor, iterations: int) -> Tensor:
    """Return an approximation of the nearest orthogonal matrix: the same singular vectors, with values near 1.

    With five iterations, singular values above a hundredth of the matrix norm end up between 0.68 and 1.14; with three,
    between 0.40 and 1.21. A matrix of zeros is left unchanged.

    Args:
        matrices_SRC: Floating point, finite.
        iterations: At least 1.

    Returns:
        Matrices in ``bfloat16`` on CUDA, where that is several times faster and exact enough, else in ``float32``.
    """
    x_SRC = matrices_SRC.to(torch.bfloat16 if matrices_SRC.is_cuda else torch.float32)
    is_tall = x_SRC.shape[1] > x_SRC.shape[2]
    if is_tall:  # the Gram matrix is smaller on the short side
        x_SRC = x_SRC.mT
    # The iteration needs singular values of at most 1; the Frobenius norm is an upper bound.
    x_SRC = x_SRC / x_SRC.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    first, third, fifth = _QUINTIC
    for _ in range(iterations):
        gram_SRR = x_SRC @ x_SRC.mT
        polynomial_SRR = torch.baddbmm(gram_SRR, gram_SRR, gram_SRR, beta=third, alpha=fifth)
        x_SRC = torch.baddbmm(x_SRC, polynomial_SRR, x_SRC, beta=first)
    return x_SRC.mT if is_tall else x_SRC


class Muon(torch.optim.Optimizer):
    """Nesterov momentum with orthogonalised updates for groups with ``orthogonalize``, and SGD for the others.

    A filter bank is treated as a matrix with one row per output channel. Before each step, its weights are scaled to
    the norm of that many rows of length 1. If a normalisation layer follows, their scale has no effect, so this only
    keeps the meaning of the learning rate: the size of a step relative to the weights.

    Args:
        params: Parameters, or groups of parameters with their own settings.
        lr: Learning rate.
        momentum: Momentum factor, in [0, 1).
        weight_decay: L2 penalty, for groups without orthogonalisation.
        orthogonalize: Whether to orthogonalise updates; parameters must have at least two dimensions.
        iterations: Number of Newton-Schulz iterations.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float,
        *,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        orthogonalize: bool = True,
        iterations: int = 5,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "orthogonalize": orthogonalize,
            "iterations": iterations,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step, and return the loss that *closure* computes, if it is given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [param for param in group["params"] if param.grad is not None]
            if params:
                (self._orthogonal_step if group["orthogonalize"] else self._sgd_step)(group, params)
        return loss

    def _orthogonal_step(self, group: dict[str, Any], params: list[Tensor]) -> None:
        by_shape: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
        for param, direction in zip(params, self._directions(group, params, _gradients(params)), strict=True):
            matrix_RC = direction.flatten(1)
            by_shape.setdefault((matrix_RC.shape[0], matrix_RC.shape[1]), []).append((param, matrix_RC))
        lengths = torch._foreach_norm(params)
        scales = [len(param) ** 0.5 / length.clamp_min(1e-7) for param, length in zip(params, lengths, strict=True)]
        torch._foreach_mul_(params, scales)
        for pairs in by_shape.values():  # matrices of the same shape are multiplied together
            updates_SRC = orthogonalized(torch.stack([matrix for _, matrix in pairs]), group["iterations"])
            for (param, _), update_RC in zip(pairs, updates_SRC, strict=True):
                param.add_(update_RC.view(param.shape), alpha=-group["lr"])

    def _sgd_step(self, group: dict[str, Any], params: list[Tensor]) -> None:
        gradients = _gradients(params)
        if group["weight_decay"]:
            gradients = list(torch._foreach_add(gradients, params, alpha=group["weight_decay"]))
        torch._foreach_add_(params, self._directions(group, params, gradients), alpha=-group["lr"])

    def _directions(self, group: dict[str, Any], params: Iterable[Tensor], gradients: list[Tensor]) -> list[Tensor]:
        """Update the momentum buffers and return the directions of Nesterov momentum."""
        momentum = group["momentum"]
        buffers = []
        for param in params:
            state = self.state[param]
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = torch.zeros_like(param)
            buffers.append(state["momentum_buffer"])
        torch._foreach_mul_(buffers, momentum)
        torch._foreach_add_(buffers, gradients)
        return list(torch._foreach_add(gradients, buffers, alpha=momentum))


def _gradients(params: Iterable[Tensor]) -> list[Tensor]:
    return [param.grad for param in params if param.grad is not None]
