"""Optimizer states of several seeds: what one optimizer of stacked parameters keeps, seed by seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from harness.training.seeds.network import stacked

SHARED = "step"
"""Name of the count of steps, which is the same for all seeds."""


def state_of_seed(state: dict[str, Any], place: int) -> dict[str, Any]:
    """Return the state dict for the seed at *place*, as an optimizer of it alone would have it; tensors are views."""
    return {
        "state": {
            index: {name: value if name == SHARED or value is None else value[place] for name, value in kept.items()}
            for index, kept in state["state"].items()
        },
        "param_groups": state["param_groups"],
    }


def joined_state(states: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the state dict of the optimizer of all seeds from those of each."""
    first = states[0]

    def joined(index: Any, name: str) -> Any:
        value = first["state"][index][name]
        if name == SHARED or not isinstance(value, Tensor):
            return value
        return stacked([each["state"][index][name] for each in states])

    return {
        "state": {index: {name: joined(index, name) for name in kept} for index, kept in first["state"].items()},
        "param_groups": first["param_groups"],
    }


@torch.no_grad()
def clip_each(parameters: Sequence[Tensor], most: float) -> None:
    """Scale each seed's gradients so that their norm is at most *most*, as ``torch.nn.utils.clip_grad_norm_`` does.

    Args:
        parameters: Stacked parameters ``[S, ...]``.
    """
    gradients = [each.grad for each in parameters if each.grad is not None]
    if not gradients:
        return
    norms = [torch.linalg.vector_norm(gradient.reshape(len(gradient), -1), dim=1) for gradient in gradients]
    norm_S = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    factor_S = (most / (norm_S + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor_S.view(-1, *[1] * (gradient.ndim - 1)))
