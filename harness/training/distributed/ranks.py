"""Ranks: the processes that train one network together, each on its own device, and their communication.

The batch size is the recipe's, regardless of the number of ranks: each rank trains on a part of the batch, and
gradients and batch normalisation statistics are those of the whole batch. :class:`Ranks` is the single process of an
ordinary training, and adds no cost; :class:`ManyRanks` is one of several ranks, connected through
``torch.distributed``.

Any error ends a rank; the others are then ended from outside (see :mod:`harness.trial.distributed.supervisor`). No rank
recovers on its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from harness.faults.errors import TrialError
from harness.faults.out_of_memory import Halving, is_out_of_memory
from harness.records.record import FailureKind
from zoo.text import error_message


@dataclass(frozen=True, kw_only=True, slots=True)
class MicroBatchShard:
    """A rank's part of a micro-batch."""

    images: int
    """Number of images in the forward pass; at least 1, because all ranks take part in every reduction."""
    counts: bool = True
    """Whether the images count towards the gradient; False if there are too few images for all ranks."""
    last: bool = True
    """Whether this is the last micro-batch of the step."""


class MemoryRefusedError(TrialError):
    """There was not enough memory for a micro-batch shared by several ranks; fewer images may fit."""

    def __init__(self, at_most: int, message: str) -> None:
        self.at_most = at_most
        """Images at a time to try next, over all ranks."""
        super().__init__(FailureKind.OOM, message)


class Ranks:
    """A single process that trains alone."""

    rank = 0
    size = 1

    @property
    def purpose(self) -> tuple[int, ...]:
        """Suffix for the purpose of draws that differ between ranks, such as dropout."""
        return ()

    def parts(self, micro_sizes: Sequence[int]) -> list[MicroBatchShard]:
        """Return this rank's part of each micro-batch of a step."""
        last = len(micro_sizes) - 1
        return [MicroBatchShard(images=size, last=index == last) for index, size in enumerate(micro_sizes)]

    def rows(self, micro_sizes: Sequence[int]) -> list[int]:
        """Return the rows of a batch that this rank trains on, micro-batch by micro-batch."""
        return list(range(sum(micro_sizes)))

    def halving(self, device: torch.device, *, at_most: int, floor: int) -> Halving:
        """Return an object that limits how many images all ranks together process at a time."""
        return Halving(device, at_most=at_most, floor=floor)

    def agree(self, model: nn.Module) -> None:
        """Copy the weights and buffers of rank 0 to all ranks."""

    def wrap(self, model: nn.Module, sample: Callable[[], Tensor]) -> Callable[[Tensor], Any]:
        """Return a callable for training passes, with gradients of the whole batch.

        Args:
            sample: Returns two normalised images to try the network on.
        """
        return model

    def learning(self, part: MicroBatchShard) -> AbstractContextManager[None]:
        """Surround the forward and backward pass of a part of a micro-batch."""
        return nullcontext()

    def all_reduce(self, *values: Tensor) -> None:
        """Replace each value by its sum over all ranks."""

    def share_of(self, count: int) -> slice:
        """Return the slice of *count* items that this rank processes."""
        return slice(0, count)

    def gather_slices(self, values: Tensor, own: slice, *, total: int) -> Tensor:
        """Combine values that are spread over the ranks, and return all *total* of them.

        Args:
            values: This rank's values, ``[n, …]``.
            own: Their positions among all values; the ranks' slices do not overlap.
        """
        return values


ALONE = Ranks()


class ManyRanks(Ranks):
    """One of several ranks that train together. ``torch.distributed`` must be initialised.

    Args:
        device: Device of this rank.
        at_most: Images at a time for which memory was sufficient, over all ranks; None: unknown.
    """

    def __init__(self, device: torch.device, *, at_most: int | None = None) -> None:
        import torch.distributed

        self._group = torch.distributed
        self.rank, self.size = self._group.get_rank(), self._group.get_world_size()
        self._device, self._at_most = device, at_most
        self._wrapped: nn.parallel.DistributedDataParallel | None = None
        self.counts = True
        """Whether the images in the current forward pass count towards the gradient."""

    @property
    def purpose(self) -> tuple[int, ...]:
        return (self.rank,) if self.rank else ()

    def parts(self, micro_sizes: Sequence[int]) -> list[MicroBatchShard]:
        last = len(micro_sizes) - 1
        own = [len(self._rows_of(size)) for size in micro_sizes]
        return [
            MicroBatchShard(images=max(1, images), counts=images > 0, last=index == last)
            for index, images in enumerate(own)
        ]

    def rows(self, micro_sizes: Sequence[int]) -> list[int]:
        rows: list[int] = []
        start = 0
        for size in micro_sizes:
            own = self._rows_of(size) or range(1)  # a rank without images computes one that does not count
            rows += [start + row for row in own]
            start += size
        return rows

    def _rows_of(self, size: int) -> range:
        share = self.share_of(size)
        return range(share.start, share.stop)

    def halving(self, device: torch.device, *, at_most: int, floor: int) -> Halving:
        return _Refusing(device, at_most=min(at_most, self._at_most or at_most), floor=max(floor, self.size))

    @torch.no_grad()
    def agree(self, model: nn.Module) -> None:
        for value in (*model.parameters(), *model.buffers()):
            dense = value.contiguous()
            self._group.broadcast(dense, 0)
            value.copy_(dense)

    def wrap(self, model: nn.Module, sample: Callable[[], Tensor]) -> Callable[[Tensor], Any]:
        from harness.training.distributed.sync_batch_norm import synchronize_batch_norms
        from harness.training.distributed.unused_parameters import leaves_weights_unused

        unused = leaves_weights_unused(model, sample(), self._device)
        synchronize_batch_norms(model, self)
        with warnings.catch_warnings():
            # About broadcast_buffers, which has a new name in newer versions that older ones do not accept.
            warnings.simplefilter("ignore", FutureWarning)
            self._wrapped = nn.parallel.DistributedDataParallel(
                model,
                device_ids=None if self._device.type == "cpu" else [self._device],
                broadcast_buffers=False,  # equal on all ranks, because statistics are synchronised
                init_sync=False,  # agree() has done it
                find_unused_parameters=unused,
                gradient_as_bucket_view=True,
            )
        return self._wrapped

    @contextmanager
    def learning(self, part: MicroBatchShard) -> Iterator[None]:
        assert self._wrapped is not None
        self.counts = part.counts
        with nullcontext() if part.last else self._wrapped.no_sync():
            yield

    def all_reduce(self, *values: Tensor) -> None:
        for value in values:
            self._group.all_reduce(value)

    def all_gather(self, value: Tensor) -> Tensor:
        """Return the *value* ``[n]`` of each rank, in rank order: ``[size, n]``."""
        gathered = value.new_empty(self.size * len(value))
        self._group.all_gather_into_tensor(gathered, value)
        return gathered.view(self.size, len(value))

    def share_of(self, count: int) -> slice:
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def gather_slices(self, values: Tensor, own: slice, *, total: int) -> Tensor:
        every = torch.zeros((total, *values.shape[1:]), dtype=values.dtype, device=self._device)
        every[own] = values.to(self._device)
        self.all_reduce(every)  # each sum has one value, and zeros from the other ranks
        return every.to(values.device)


class _Refusing(Halving):
    """Ends this rank when memory runs out, because it cannot repeat a step without the others."""

    @contextmanager
    def attempt(self, images: int, *, undo: Callable[[], None] = lambda: None) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            said = error_message(error)
            smaller = max(self.floor, images // 2)
            if smaller < min(images, self.at_most):
                raise MemoryRefusedError(smaller, f"out of memory with {images} images at a time: {said}") from error
            message = f"out of memory even with {images} images at a time on all devices together: {said}"
            raise TrialError(FailureKind.OOM, message) from error
