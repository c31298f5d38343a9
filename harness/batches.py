"""Batches: the images of a split on the device, in the order of an epoch.

An image is copied to the device once where all of them fit; where they do not, a thread gathers the next batches
while the current one is computed. Both give the same batches. Shape suffixes: N images, B batch, C channels,
H height, W width.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate, pairwise
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import TrialError
from harness.images import ImageSet
from harness.randomness import derive_seed
from harness.record import FailureKind

RESIDENT_SHARE = 0.4
"""Share of the device's free memory that images may take; the rest is for the network and its activations."""

PREFETCH = 3
"""Batches that are gathered ahead when streaming: enough to hide one slow read."""


class DeviceImages:
    """A split's images and labels, ready to be served in batches on *device*.

    Args:
        resident: Whether all images live on the device; None: if they fit. On the CPU they are always mapped
            from their file, which processes share.
    """

    def __init__(self, images: ImageSet, device: torch.device, *, resident: bool | None = None) -> None:
        self.device = device
        self.labels_N = torch.from_numpy(np.array(images.labels_N)).to(device)
        self._host_NHWC = _without_copy(images.images_NHWC)
        on_host = device.type == "cpu"
        if resident is None:
            resident = on_host or self._host_NHWC.nbytes <= RESIDENT_SHARE * free_bytes(device)
        self.resident = resident
        self._images_NHWC = self._host_NHWC.to(device) if resident else None

    def __len__(self) -> int:
        return len(self.labels_N)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self._host_NHWC.shape[1], self._host_NHWC.shape[2]

    def batches(self, order_N: Tensor, sizes: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield ``(images_BCHW, labels_B)`` for consecutive runs of *order_N*, ``int64`` indices on the CPU.

        Images are ``uint8``, dense in channels-last memory.
        """
        if self._images_NHWC is None:
            yield from self._streamed(order_N, sizes)
            return
        order_N = order_N.to(self.device)
        for indices_B in torch.split(order_N, list(sizes)):
            yield self._images_NHWC.index_select(0, indices_B).permute(0, 3, 1, 2), self.labels_N[indices_B]

    def _streamed(self, order_N: Tensor, sizes: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        pin = self.device.type == "cuda"

        def gather(indices_B: Tensor) -> Tensor:
            images_BHWC = self._host_NHWC.index_select(0, indices_B)
            return images_BHWC.pin_memory() if pin else images_BHWC

        labels_N = torch.split(self.labels_N[order_N.to(self.device)], list(sizes))
        waiting = deque(torch.split(order_N, list(sizes)))
        with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
            ahead: deque[Future[Tensor]] = deque()
            for labels_B in labels_N:
                while waiting and len(ahead) < PREFETCH:
                    ahead.append(thread.submit(gather, waiting.popleft()))
                images_BHWC = ahead.popleft().result().to(self.device, non_blocking=True)
                yield images_BHWC.permute(0, 3, 1, 2), labels_B


def free_bytes(device: torch.device) -> int:
    """Return how much memory the accelerator has left, in bytes."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    raise ValueError(f"free memory of {device.type} is not known")


def batch_sizes(num_images: int, batch_size: int) -> list[int]:
    """Return the sizes of an epoch's batches. A last one of 1 joins the one before it.

    Batch normalisation has no variance over one image, and dropping images would train on fewer than said.

    Raises:
        TrialError: If there are too few images for one training step.
    """
    if num_images < 2:
        raise TrialError(FailureKind.DATA, f"training needs at least 2 images, there is {num_images or 'none'}")
    full, rest = divmod(num_images, batch_size)
    sizes = [batch_size] * full
    if rest == 1 and full and batch_size > 1:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes


def micro_batch_sizes(batch: int, accumulate_steps: int, *, at_most: int | None = None, floor: int = 2) -> list[int]:
    """Split a batch into at most *accumulate_steps* near-equal parts, none of 1 image unless the batch is.

    Args:
        batch: Number of images.
        accumulate_steps: What the recipe asks for.
        at_most: What memory allows in a part: there are as many more parts as that takes.
        floor: Fewer images than that are in no part for the sake of *at_most*, unless the batch has fewer.
    """
    needed = math.ceil(batch / at_most) if at_most else 1
    parts = max(1, min(accumulate_steps, batch // 2), min(needed, batch // floor))
    bounds = [batch * part // parts for part in range(parts + 1)]
    return [high - low for low, high in pairwise(bounds)]


def offsets(sizes: Sequence[int]) -> list[int]:
    """Return where each batch begins within the epoch."""
    return [0, *accumulate(sizes[:-1])]


def epoch_order(
    labels_N: NDArray[np.int64], sampling: Literal["shuffle", "balanced"], *, seed: int, epoch: int
) -> Tensor:
    """Return the indices of an epoch's N images in order, ``int64`` on the CPU, from (seed, epoch) alone.

    ``shuffle`` is a permutation. ``balanced`` draws each class that occurs equally often (within one) and its
    images with replacement.
    """
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "order", epoch)))
    num_images = len(labels_N)
    if sampling == "shuffle":
        return torch.from_numpy(rng.permutation(num_images))
    classes, counts = np.unique(labels_N, return_counts=True)
    by_class = np.argsort(labels_N, kind="stable")
    starts = np.cumsum(counts) - counts
    # Which classes get the remainder is drawn as well.
    drawn = rng.permutation(np.resize(rng.permutation(len(classes)), num_images))
    within = (rng.random(num_images) * counts[drawn]).astype(np.int64)
    return torch.from_numpy(by_class[starts[drawn] + within])


def _without_copy(images_NHWC: NDArray[np.uint8]) -> Tensor:
    with warnings.catch_warnings():
        # The array is a read-only map, and nothing here writes to it.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(images_NHWC)
