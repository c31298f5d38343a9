"""Streaming: chunks read and copied ahead, the same batches as from memory, and never too many ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from harness.batches.device_copy import Copier, Copy, PlainCopier, SideStreamCopier
from harness.batches.device_images import DeviceImages, batch_sizes, epoch_order
from harness.batches.prefetch import chunked, stream

CPU = torch.device("cpu")
SHAPE = (2, 2, 1)
IMAGES_NHWC = torch.arange(100, dtype=torch.uint8).repeat_interleave(4).view(100, *SHAPE)
LABELS_N = torch.arange(100) * 7


def read(indices_B: Tensor, out_BHWC: Tensor) -> None:
    torch.index_select(IMAGES_NHWC, 0, indices_B, out=out_BHWC)


class LateCopier:
    """A copier as late as a GPU may be: nothing is copied before its host memory is waited for, or all is over.

    Host memory that is filled again before it was waited for gives the wrong images.
    """

    def __init__(self) -> None:
        self.memory: list[Tensor] = []
        self.copies: list[LateCopy] = []

    def host_memory(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        self.memory.append(torch.zeros(shape, dtype=dtype))
        return self.memory[-1]

    def start(self, *host: Tensor) -> Copy:
        self.copies.append(LateCopy(host))
        return self.copies[-1]

    def synchronize(self) -> None:
        for copy in self.copies:
            copy.wait()


class LateCopy:
    def __init__(self, host: tuple[Tensor, ...]) -> None:
        self.host, self.tensors, self.done = host, tuple(torch.zeros_like(each) for each in host), False

    def receive(self) -> tuple[Tensor, ...]:
        return self.tensors

    def wait(self) -> None:
        if not self.done:
            self.done = True
            for tensor, host in zip(self.tensors, self.host, strict=True):
                tensor.copy_(host)


def batches(copier: Copier, order_N: Tensor, sizes: list[int], **settings: int) -> Iterator[tuple[Tensor, Tensor]]:
    return stream(read, LABELS_N, order_N, sizes, image_shape=SHAPE, copier=copier, **settings)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("chunk_bytes", [1, 40, 10_000])
@pytest.mark.parametrize("make_copier", [lambda: PlainCopier(CPU), LateCopier], ids=["plain", "late"])
def test_batches_are_those_of_the_order_whatever_the_copier_depth_and_chunk(make_copier, depth, chunk_bytes):
    order_N = torch.randperm(100, generator=torch.Generator().manual_seed(1))
    sizes = batch_sizes(100, 9)
    copier = make_copier()
    found = list(batches(copier, order_N, sizes, depth=depth, chunk_bytes=chunk_bytes))
    if isinstance(copier, LateCopier):
        copier.synchronize()
    for (images_BCHW, labels_B), indices_B in zip(found, order_N.split(sizes), strict=True):
        assert torch.equal(images_BCHW, IMAGES_NHWC[indices_B].permute(0, 3, 1, 2))
        assert torch.equal(labels_B, LABELS_N[indices_B])


def test_a_batch_stays_what_it_was_when_later_ones_are_there():
    kept = list(batches(PlainCopier(CPU), torch.arange(100), [10] * 10, depth=1, chunk_bytes=1))
    assert torch.equal(torch.cat([labels_B for _, labels_B in kept]), LABELS_N)
    assert torch.equal(torch.cat([images_BCHW for images_BCHW, _ in kept])[:, 0], IMAGES_NHWC[..., 0])


def test_no_more_is_read_ahead_than_the_depth():
    started = []

    def counted(indices_B: Tensor, out_BHWC: Tensor) -> None:
        started.append(len(indices_B))
        read(indices_B, out_BHWC)

    copier = LateCopier()
    found = stream(
        counted, LABELS_N, torch.arange(100), [5] * 20, image_shape=SHAPE, copier=copier, depth=2, chunk_bytes=1
    )
    for number, _ in enumerate(found, start=1):
        # Two ahead, and the one in hand.
        assert len(started) <= number + 2
    assert len(started) == 20
    assert len(copier.memory) == 2 * 2  # images and labels of two chunks, whatever the length of the epoch


def test_batches_can_be_requested_in_inference_mode():
    """Memory made under inference mode cannot be filled by a thread that is not."""
    with torch.inference_mode():
        assert len(list(batches(PlainCopier(CPU), torch.arange(100), [50, 50], chunk_bytes=1))) == 2


def test_an_error_while_reading_reaches_the_reader_of_the_batch():
    def broken(indices_B: Tensor, out_BHWC: Tensor) -> None:
        if 30 in indices_B:
            raise ValueError("no image 30")
        read(indices_B, out_BHWC)

    found = stream(
        broken, LABELS_N, torch.arange(100), [10] * 10, image_shape=SHAPE, copier=PlainCopier(CPU), chunk_bytes=1
    )
    assert [len(next(found)[1]) for _ in range(3)] == [10] * 3
    with pytest.raises(ValueError, match="no image 30"):
        next(found)
    assert not any(thread.name.startswith("batches") for thread in threading.enumerate())


def test_a_stream_that_is_left_early_leaves_no_thread():
    found = batches(PlainCopier(CPU), torch.arange(100), [10] * 10, chunk_bytes=1)
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert not any(thread.name.startswith("batches") for thread in threading.enumerate())


def test_no_batches_are_no_batches():
    assert list(batches(PlainCopier(CPU), torch.arange(0), [])) == []


@given(st.lists(st.integers(1, 300)), st.integers(1, 1000))
def test_chunks_are_whole_batches_in_order_and_no_larger_than_they_must_be(sizes, most):
    chunks = list(chunked(sizes, most))
    assert [size for chunk in chunks for size in chunk] == sizes
    assert all(chunk and (sum(chunk) <= most or len(chunk) == 1) for chunk in chunks)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_over_a_side_stream_equal_those_on_the_device(make_data):
    """The computing stream is kept busy, so that a copy it did not wait for would show."""
    device = torch.device("cuda")
    images = make_data(num_train=3000, size=32).load("train")
    order_N = epoch_order(images.labels_N, "shuffle", seed=0, epoch=1)
    sizes = batch_sizes(3000, 64)
    resident = list(DeviceImages(images, device, resident=True).batches(order_N, sizes))
    busy = torch.randn(2048, 2048, device=device)
    streamed = DeviceImages(images, device, resident=False, copier=SideStreamCopier(device))
    for epoch in range(3):
        for (one_BCHW, one_B), (other_BCHW, other_B) in zip(resident, streamed.batches(order_N, sizes), strict=True):
            busy = busy @ busy / 45
            assert torch.equal(one_BCHW, other_BCHW), epoch
            assert torch.equal(one_B, other_B)
