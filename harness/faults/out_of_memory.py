"""Out of memory: recognising it, and continuing with fewer images at a time."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn

from harness.faults.errors import TrialError
from harness.records.record import FailureKind
from harness.system.malloc import return_freed_memory
from zoo.text import error_message

T = TypeVar("T")

_ALLOCATORS_WORDS = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",  # on Windows
    "MPS backend out of memory",
    "CUDA error: out of memory",  # from the driver, where torch's own allocator was not asked
    "HIP error: out of memory",
    "XPU out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "unable to find an engine to execute this computation",  # cuDNN: no workspace was left for any kernel
    "Unable to find a valid cuDNN algorithm",  # the same, when kernels are tried
    "Cuda failure 2 'out of memory'",  # NCCL
    "Cuda failure 'out of memory'",  # NCCL before 2.18
    "Failed to CUDA calloc",  # NCCL's own log, quoted by torch
)
"""Messages of allocators and libraries that raise a plain ``RuntimeError``."""

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether *error* means that an allocation failed; other errors that mention memory do not count."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    said = error_message(error, max_length=10_000)
    return isinstance(error, RuntimeError) and any(words in said for words in _ALLOCATORS_WORDS)


def least_images(model: nn.Module) -> int:
    """Return the fewest images that a training pass can take: 2 with batch normalisation, which has no variance
    over 1 image with a 1×1 feature map; else 1.
    """
    return 2 if any(isinstance(module, _BATCH_NORMS) for module in model.modules()) else 1


def free_unused(device: torch.device) -> None:
    """Return memory to the device that nothing uses any more."""
    gc.collect()
    if device.type == "cpu":
        return_freed_memory()
    else:
        torch.get_device_module(device).empty_cache()


class Halving:
    """The number of images at a time: halved whenever they do not fit into memory, and never raised again.

    Attributes:
        at_most: Number of images at a time.
        floor: Smallest number to try.
    """

    def __init__(self, device: torch.device, *, at_most: int, floor: int = 1) -> None:
        self.at_most, self.floor = at_most, floor
        self._device = device
        self._clean = True

    @contextmanager
    def attempt(self, images: int, *, undo: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Try the body with *images* at a time; if memory runs out, call *undo* and lower ``at_most``.

        The caller must see from its results whether the body finished. Other errors pass through.

        Raises:
            TrialError: Of kind oom, if fewer images at a time are not possible.
        """
        if not self._clean:
            # Only now: while the error was handled, its traceback kept the body's tensors alive.
            free_unused(self._device)
            self._clean = True
        try:
            yield
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            smaller = max(self.floor, images // 2)
            if smaller >= min(images, self.at_most):
                at_a_time = f"{images} image{'' if images == 1 else 's'} at a time"
                said = error_message(error)
                raise TrialError(FailureKind.OOM, f"out of memory even with {at_a_time}: {said}") from error
            self.at_most = smaller
            self._clean = False
            undo()

    def until_it_fits(self, work: Callable[[int], T]) -> T:
        """Call *work* with the number of images at a time until it fits, and return its result.

        Raises:
            TrialError: As for :meth:`attempt`.
        """
        while True:
            images = self.at_most
            with self.attempt(images):
                return work(images)
