"""Compiling: a network through ``torch.compile``, optionally with CUDA graphs.

A small network on a fast GPU waits for Python and for kernel launches. CUDA graphs launch a whole forward or backward
pass at once; torch's compiler records and replays them (``mode="reduce-overhead"``), one for each batch shape. Outputs
are in memory that the next replay overwrites, so each call marks the start of a step.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def compiled(model: nn.Module, *, graphs: bool = False) -> Callable[[Tensor], Tensor]:
    """Compile *model*; the result shares its parameters and its training mode.

    Args:
        graphs: Whether to record CUDA graphs. The output of a call is then valid only until the next call.
    """
    if not graphs:
        return torch.compile(model)
    forward: Callable[[Tensor], Tensor] = torch.compile(model, mode="reduce-overhead")

    def replay(images_BCHW: Tensor) -> Tensor:
        torch.compiler.cudagraph_mark_step_begin()
        return forward(images_BCHW)

    return replay
