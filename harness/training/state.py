"""Training state: everything that a training needs to resume exactly, as tensors and JSON without pickles."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.errors import StoreError

VERSION = 1
"""Version of the tree's layout; states with another version are rejected."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrainingState:
    """The state at the end of an epoch.

    A state from :func:`harness.training.loop.train` refers to live tensors, which the next step changes: call
    ``to_bytes`` immediately or discard the state.
    """

    epoch: int
    """Number of epochs completed."""
    tree: dict[str, Any]
    """Nested dicts, lists and tuples of tensors, numbers, strings, booleans and None."""

    def to_bytes(self) -> bytes:
        """Return the state as a safetensors file: tensors named by numbers, the tree in the metadata."""
        from safetensors.torch import save

        tensors: dict[str, Tensor] = {}
        layout = {"version": VERSION, "epoch": self.epoch, "tree": _encode(self.tree, tensors)}
        return save(tensors, metadata={"training_state": json.dumps(layout)})

    @classmethod
    def from_bytes(cls, content: bytes) -> TrainingState:
        """Read the output of :meth:`to_bytes`. Memory layouts are restored too, since some kernels depend on them.

        Raises:
            StoreError: If *content* is not a training state, or has another version.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        damaged = (SafetensorError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, MemoryError)
        try:
            header_length = int.from_bytes(content[:8], "little")
            header = json.loads(content[8 : 8 + header_length])
            layout = json.loads(header["__metadata__"]["training_state"])
            if layout["version"] != VERSION:
                raise StoreError(f"the training state has version {layout['version']}; this zoo reads {VERSION}")
            tensors = load(content)
            return cls(epoch=layout["epoch"], tree=_decode(layout["tree"], tensors))
        except damaged as error:
            raise StoreError(f"the training state cannot be read: {type(error).__name__}: {error}") from error


def _encode(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Turn a tree into JSON, moving its tensors to *tensors*. Every container becomes a one-key object."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": [name, list(value.stride()) if _is_dense(value) else None]}
    if isinstance(value, dict):
        return {"dict": [[_encode(key, tensors), _encode(item, tensors)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_encode(item, tensors) for item in value]}
    if isinstance(value, list):
        return {"list": [_encode(item, tensors) for item in value]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a training state cannot hold a {type(value).__name__}")


def _decode(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        name, stride = content
        tensor = tensors[name]
        if stride is None or tuple(stride) == tensor.stride():
            return tensor
        return torch.empty_strided(tensor.shape, stride, dtype=tensor.dtype).copy_(tensor)
    if kind == "dict":
        return {_decode(key, tensors): _decode(item, tensors) for key, item in content}
    items = [_decode(item, tensors) for item in content]
    return tuple(items) if kind == "tuple" else items


def _is_dense(tensor: Tensor) -> bool:
    """Return whether the elements fill their memory without gaps or overlaps, in any order of dimensions."""
    expected = 1
    for stride, size in sorted((s, n) for s, n in zip(tensor.stride(), tensor.shape, strict=True) if n != 1):
        if stride != expected:
            return False
        expected *= size
    return True
