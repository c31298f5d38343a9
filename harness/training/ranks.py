"""Ranks: the processes that train one network together, each on a device of its own, and their communication.

The batch size is the recipe's, however many processes share it: each learns from a part, and gradients and statistics
of batch normalisation are those of the whole batch. :class:`Ranks` is the single process of an ordinary training, and
adds no cost; :class:`ManyRanks` is one of several, connected through ``torch.distributed``.

Any error in one of several processes ends it; the others are then ended from outside (see
:mod:`harness.trial.supervisor`). No process recovers on its own.
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


@dataclass(frozen=True, kw_only=True, slots=True)
class MicroBatchShard:
    """What one process does of a micro-batch."""

    images: int
    """How many images go through the network; at least 1, because all processes take part in all that is reduced."""
    counts: bool = True
    """Whether they are learnt from; not where there are fewer images than processes, and none is left for this one."""
    last: bool = True
    """Whether the step is over with it."""


class MemoryRefusedError(TrialError):
    """Memory did not suffice for a micro-batch that several processes share; fewer images may fit."""

    def __init__(self, at_most: int, message: str) -> None:
        self.at_most = at_most
        """Images at a time to try next, all processes together."""
        super().__init__(FailureKind.OOM, message)


class Ranks:
    """One process that trains alone."""

    rank = 0
    size = 1

    @property
    def purpose(self) -> tuple[int, ...]:
        """What is added to the purpose of draws that differ from rank to rank, such as dropout's."""
        return ()

    def parts(self, micro_sizes: Sequence[int]) -> list[MicroBatchShard]:
        """Return what this process does of each micro-batch of a step."""
        last = len(micro_sizes) - 1
        return [MicroBatchShard(images=size, last=index == last) for index, size in enumerate(micro_sizes)]

    def rows(self, micro_sizes: Sequence[int]) -> list[int]:
        """Return the rows of a batch that this process learns from, those of each micro-batch in turn."""
        return list(range(sum(micro_sizes)))

    def halving(self, device: torch.device, *, at_most: int, floor: int) -> Halving:
        """Return what decides how many images go through the network at a time, in all processes together."""
        return Halving(device, at_most=at_most, floor=floor)

    def agree(self, model: nn.Module) -> None:
        """Give all the weights and buffers of rank 0."""

    def wrap(self, model: nn.Module, sample: Callable[[], Tensor]) -> Callable[[Tensor], Any]:
        """Return what computes the network's training passes, so that gradients are those of the whole batch.

        Args:
            sample: Gives two normalised images, to try the network with.
        """
        return model

    def learning(self, part: MicroBatchShard) -> AbstractContextManager[None]:
        """Make a forward and backward pass for a part of a batch."""
        return nullcontext()

    def all_reduce(self, *values: Tensor) -> None:
        """Replace each value by its sum over all processes."""

    def share_of(self, count: int) -> slice:
        """Return which of *count* things this process sees to."""
        return slice(0, count)

    def put_together(self, values: Tensor, own: slice, *, total: int) -> Tensor:
        """Return *total* values of which every process has some.

        Args:
            values: ``[n, …]``, those of this process.
            own: Where they are among all; no two processes have the same.
        """
        return values


ALONE = Ranks()


class ManyRanks(Ranks):
    """One of several processes that train together; ``torch.distributed`` is initialised.

    Args:
        device: Of this process.
        at_most: Images at a time that memory was found to suffice for, all processes together; None: not known.
    """

    def __init__(self, device: torch.device, *, at_most: int | None = None) -> None:
        import torch.distributed

        self._group = torch.distributed
        self.rank, self.size = self._group.get_rank(), self._group.get_world_size()
        self._device, self._at_most = device, at_most
        self._wrapped: nn.parallel.DistributedDataParallel | None = None
        self.counts = True
        """Whether the images that go through the network now are learnt from."""

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
            own = self._rows_of(size) or range(1)  # whoever has none computes one that does not count
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
        from harness.training.sync_batch_norm import synchronize_batch_norms
        from harness.training.unused_parameters import leaves_weights_unused

        unused = leaves_weights_unused(model, sample(), self._device)
        synchronize_batch_norms(model, self)
        with warnings.catch_warnings():
            # Of broadcast_buffers, for which newer versions have another name that older ones do not know.
            warnings.simplefilter("ignore", FutureWarning)
            self._wrapped = nn.parallel.DistributedDataParallel(
                model,
                device_ids=None if self._device.type == "cpu" else [self._device],
                broadcast_buffers=False,  # the same on all, because they come from synchronised statistics
                init_sync=False,  # agreed on already
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
        """Return every process's *value* ``[n]``, in the order of ranks: ``[size, n]``."""
        gathered = value.new_empty(self.size * len(value))
        self._group.all_gather_into_tensor(gathered, value)
        return gathered.view(self.size, len(value))

    def share_of(self, count: int) -> slice:
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def put_together(self, values: Tensor, own: slice, *, total: int) -> Tensor:
        every = torch.zeros((total, *values.shape[1:]), dtype=values.dtype, device=self._device)
        every[own] = values.to(self._device)
        self.all_reduce(every)  # of one value and zeros
        return every.to(values.device)


class _Refusing(Halving):
    """Ends this process where memory is refused: it cannot take a step back without the others."""

    @contextmanager
    def attempt(self, images: int, *, undo: Callable[[], None] = lambda: None) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            said = " ".join(str(error).split())[:300]
            smaller = max(self.floor, images // 2)
            if smaller < min(images, self.at_most):
                raise MemoryRefusedError(smaller, f"out of memory with {images} images at a time: {said}") from error
            message = f"out of memory even with {images} images at a time on all devices together: {said}"
            raise TrialError(FailureKind.OOM, message) from error
