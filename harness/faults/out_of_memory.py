"""Out of memory: what counts as that, and how work goes on with fewer images at a time."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn

from harness.faults.errors import TrialError
from harness.records.record import FailureKind

T = TypeVar("T")

_ALLOCATORS_WORDS = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",  # on Windows
    "MPS backend out of memory",
    "CUDA error: out of memory",  # from the driver, where torch's own allocator was not asked
)
"""How allocators say it that raise a plain ``RuntimeError``."""

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether *error* says that memory was refused; whatever else mentions memory is no such thing."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _ALLOCATORS_WORDS)


def least_images(model: nn.Module) -> int:
    """Return how few images a training step can take at once: 2 with batch normalisation, which has no variance
    over 1 image where the feature map is 1×1; else 1.
    """
    return 2 if any(isinstance(module, _BATCH_NORMS) for module in model.modules()) else 1


class Halving:
    """Images at a time, halved whenever they do not fit into memory, and never raised again.

    Attributes:
        at_most: How many images to take at a time.
        floor: Fewer are never tried.
    """

    def __init__(self, device: torch.device, *, at_most: int, floor: int = 1) -> None:
        self.at_most, self.floor = at_most, floor
        self._device = device
        self._clean = True

    @contextmanager
    def attempt(self, images: int, *, undo: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Try the body, which takes *images* at a time; if memory is refused, end it, *undo* it and lower ``at_most``.

        Whether the body came to its end must be seen from what it did. Errors of other kinds pass through.

        Raises:
            TrialError: Of kind oom, if fewer images at a time cannot be taken.
        """
        if not self._clean:
            # Only now: while the error was handled, its traceback kept the body's tensors alive.
            gc.collect()
            if self._device.type != "cpu":
                torch.get_device_module(self._device).empty_cache()
            self._clean = True
        try:
            yield
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            smaller = max(self.floor, images // 2)
            if smaller >= min(images, self.at_most):
                at_a_time = f"{images} image{'' if images == 1 else 's'} at a time"
                said = " ".join(str(error).split())[:300]
                raise TrialError(FailureKind.OOM, f"out of memory even with {at_a_time}: {said}") from error
            self.at_most = smaller
            self._clean = False
            undo()

    def until_it_fits(self, work: Callable[[int], T]) -> T:
        """Return what *work* returns, which gets the number of images to take at a time.

        Raises:
            TrialError: As for :meth:`attempt`.
        """
        while True:
            images = self.at_most
            with self.attempt(images):
                return work(images)
