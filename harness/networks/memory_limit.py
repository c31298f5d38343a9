"""Memory limits: what a network that a stranger describes may allocate, checked before it does.

A description of a few bytes can ask for layers of any width, and for images of any size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from zoo.files.sizes import size_text

_LARGE_BYTES = 64 * 2**20
"""Size of an operation's inputs from which its output is computed on the meta device before the operation runs."""


class MemoryLimitExceeded(Exception):
    """An operation that would take more memory than is allowed."""


class MemoryLimit(TorchDispatchMode):
    """Refuses torch operations in its context that would take too much memory, before they run.

    Code in between may catch :class:`MemoryLimitExceeded` like any other exception, so look at :attr:`exceeded` too.

    Args:
        new_bytes: Maximum size of all tensors together that are made from nothing, such as weights and test images.
        tensor_bytes: Maximum size of a tensor computed from others.
    """

    def __init__(self, *, new_bytes: int, tensor_bytes: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no types for it
        self.exceeded = ""
        """What was asked for, after "it would"; empty if nothing exceeded the limits."""
        self._new_left, self._new_bytes, self._tensor_bytes = new_bytes, new_bytes, tensor_bytes

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation if its output is not too large."""
        kwargs = kwargs or {}
        inputs = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        if not inputs:
            num_bytes = _output_bytes(lambda: func(*args, **{**kwargs, "device": torch.device("meta")}))
            if num_bytes > self._new_left:
                self._refuse(f"take more than {size_text(self._new_bytes)}")
            self._new_left -= num_bytes
        elif sum(map(_bytes_of, inputs)) > _LARGE_BYTES:
            meta_args, meta_kwargs = tree_map_only(Tensor, _on_meta, (args, kwargs))
            num_bytes = _output_bytes(lambda: func(*meta_args, **meta_kwargs))
            if num_bytes > self._tensor_bytes:
                self._refuse(f"compute a tensor of {size_text(num_bytes)}")
        return func(*args, **kwargs)

    def _refuse(self, reason: str) -> None:
        self.exceeded = self.exceeded or reason
        raise MemoryLimitExceeded(reason)


def _without_compiler() -> None:
    """Undo the wrapping of the method by torch, which imports its compiler for seconds at the first operation."""
    method = MemoryLimit.__torch_dispatch__
    MemoryLimit.__torch_dispatch__ = getattr(method, "__wrapped__", method)  # type: ignore[method-assign]


_without_compiler()


def _output_bytes(run: Callable[[], Any]) -> int:
    """Return the size of what an operation returns on the meta device; 0 if it cannot run there."""
    try:
        return sum(_bytes_of(each) for each in tree_leaves(run()) if isinstance(each, Tensor))
    except Exception:  # an operation without a meta form, which makes small things such as generators and scalars
        return 0


def _bytes_of(tensor: Tensor) -> int:
    # That of the storage: a view, such as an expanded tensor, takes no memory of its own.
    return tensor.untyped_storage().nbytes()


def _on_meta(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
