"""Copiers: copying a chunk of images from the host to the device while the previous chunk is being processed.

All copiers are used in the same way: fill host memory, start a copy, use its tensors on the device, and wait for the
copy before filling the host memory again. On a GPU none of this blocks the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Copy(Protocol):
    """A copy in progress."""

    def receive(self) -> tuple[Tensor, ...]:
        """Return the tensors on the device, to be used after the copy."""

    def wait(self) -> None:
        """Wait until the host memory can be reused."""


class Copier(Protocol):
    """Copies from the host to one device."""

    def host_memory(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return memory to copy from."""

    def start(self, *host: Tensor) -> Copy:
        """Start copying tensors from host memory."""


class PlainCopier:
    """Copies immediately from any memory: for the CPU and devices without streams."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def host_memory(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        return torch.empty(shape, dtype=dtype)

    def start(self, *host: Tensor) -> Copy:
        return _Done(tuple(each.to(self._device, copy=True) for each in host))


@dataclass(frozen=True, slots=True, eq=False)
class _Done:
    tensors: tuple[Tensor, ...]

    def receive(self) -> tuple[Tensor, ...]:
        return self.tensors

    def wait(self) -> None:
        pass


class SideStreamCopier:
    """Copies from pinned memory in a separate CUDA stream, in parallel with computation."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)

    def host_memory(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        return torch.empty(shape, dtype=dtype, pin_memory=True)

    def start(self, *host: Tensor) -> Copy:
        with torch.cuda.stream(self._stream):
            tensors = tuple(each.to(self._device, non_blocking=True) for each in host)
            copied = torch.cuda.Event(blocking=True)  # a thread that waits does not keep a core busy
            copied.record(self._stream)
        return _OnStream(tensors, copied)


@dataclass(frozen=True, slots=True, eq=False)
class _OnStream:
    tensors: tuple[Tensor, ...]
    copied: torch.cuda.Event

    def receive(self) -> tuple[Tensor, ...]:
        computing = torch.cuda.current_stream(self.tensors[0].device)
        computing.wait_event(self.copied)
        for tensor in self.tensors:
            # The side stream's memory: the allocator must not reuse it before the compute stream is done.
            tensor.record_stream(computing)
        return self.tensors

    def wait(self) -> None:
        self.copied.synchronize()


def copier_for(device: torch.device) -> Copier:
    """Return the fastest copier for a device."""
    return SideStreamCopier(device) if device.type == "cuda" else PlainCopier(device)
