"""Prefetching: batches of images that are not on the device, read and copied ahead in chunks of several batches.

A thread fills host memory with the next chunks and starts their copies while the current chunk is being processed. At
most :data:`DEPTH` chunks are read ahead, into the same number of host buffers, used in turn. Shape suffixes: N images,
B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.batches.device_copy import Copier, Copy

DEPTH = 3
"""Number of chunks read ahead: one to copy, one to fill, one to hide a slow read."""

CHUNK_BYTES = 8 << 20
"""Approximate size of a chunk. It may combine several batches, because many small copies have a high overhead."""


@dataclass(kw_only=True, slots=True, eq=False)
class _HostMemory:
    """A host buffer that chunks are read into, and its current copy to the device."""

    images_NHWC: Tensor
    labels_N: Tensor
    copy: Copy | None = None


def stream(
    read: Callable[[Tensor, Tensor], None],
    labels_N: Tensor,
    order_N: Tensor,
    sizes: Sequence[int],
    *,
    image_shape: tuple[int, int, int],
    copier: Copier,
    depth: int = DEPTH,
    chunk_bytes: int = CHUNK_BYTES,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield ``(images_BCHW, labels_B)`` on the device for consecutive parts of *order_N*.

    Args:
        read: A function of ``(indices_B, out_BHWC)`` that reads the images into *out_BHWC*; called in one thread.
        labels_N: Labels of all images, on the host.
        order_N: ``int64`` indices, on the host.
        sizes: Batch sizes, which add up to the length of *order_N*.
        image_shape: H, W and C.
        depth: Maximum number of chunks ahead of the current one.
    """
    chunks = list(chunked(sizes, max(1, chunk_bytes // (image_shape[0] * image_shape[1] * image_shape[2]))))
    if not chunks:
        return
    largest = max(map(sum, chunks))
    with torch.inference_mode(False):  # another thread writes to this memory, and evaluations call this function too
        memory = [
            _HostMemory(
                images_NHWC=copier.host_memory((largest, *image_shape), torch.uint8),
                labels_N=copier.host_memory((largest,), torch.int64),
            )
            for _ in range(min(depth, len(chunks)))
        ]

    def fill(place: _HostMemory, indices_N: Tensor) -> Copy:
        if place.copy is not None:
            place.copy.wait()
        images_NHWC, labels = place.images_NHWC[: len(indices_N)], place.labels_N[: len(indices_N)]
        read(indices_N, images_NHWC)
        torch.index_select(labels_N, 0, indices_N, out=labels)
        place.copy = copier.start(images_NHWC, labels)
        return place.copy

    waiting = deque(zip(torch.split(order_N, [sum(each) for each in chunks]), chunks, strict=True))
    ahead: deque[tuple[Future[Copy], list[int]]] = deque()
    number = 0
    thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
    try:
        while waiting or ahead:
            while waiting and len(ahead) < depth:
                indices_N, chunk = waiting.popleft()
                ahead.append((thread.submit(fill, memory[number % len(memory)], indices_N), chunk))
                number += 1
            copying, chunk = ahead.popleft()
            images_NHWC, labels = copying.result().receive()
            yield from zip(images_NHWC.permute(0, 3, 1, 2).split(chunk), labels.split(chunk), strict=True)
    finally:
        thread.shutdown(cancel_futures=True)


def chunked(sizes: Sequence[int], most: int) -> Iterator[list[int]]:
    """Group consecutive batches into chunks of at most *most* images and at least one batch."""
    chunk: list[int] = []
    for size in sizes:
        if chunk and sum(chunk) + size > most:
            yield chunk
            chunk = []
        chunk.append(size)
    if chunk:
        yield chunk
