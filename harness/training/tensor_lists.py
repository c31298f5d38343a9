"""Tensor lists: operations on many tensors in few kernels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class ListCopy:
    """Copies tensors to others of the same shapes and types, with one kernel for each type on an accelerator.

    ``torch._foreach_copy_`` launches a kernel for each tensor if types are mixed, as in batch normalisation's buffers
    (float32 statistics, int64 counts).
    """

    def __init__(self, targets: Sequence[Tensor], sources: Sequence[Tensor]) -> None:
        by_type: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}
        for target, source in zip(targets, sources, strict=True):
            pair = by_type.setdefault(target.dtype, ([], []))
            pair[0].append(target)
            pair[1].append(source)
        self._lists = list(by_type.values())

    @torch.no_grad()
    def forwards(self) -> None:
        """Copy the sources to the targets."""
        for targets, sources in self._lists:
            torch._foreach_copy_(targets, sources)

    @torch.no_grad()
    def backwards(self) -> None:
        """Copy the targets to the sources."""
        for targets, sources in self._lists:
            torch._foreach_copy_(sources, targets)
