"""Photograph crops: training images cropped from whole photographs, in threads, straight into a batch.

Scaling is torch's for ``uint8`` images in channels-last memory, antialiased, which equals Pillow's to one or two grey
levels and takes a quarter of its time. Shape suffixes: N images of an epoch, B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from harness.batches.crop_boxes import CropDraws, crop_box, is_mirrored
from harness.batches.device_copy import Copier
from harness.batches.filling import FillTask, filled
from harness.batches.normalization import Normalizer
from harness.batches.prefetch import stream
from harness.batches.reused_memory import ReusedMemory
from harness.system.cores import decoding_threads

CHUNK_BYTES_PER_THREAD = 4 << 20
"""Approximate size of a chunk that is cropped at a time, for each thread: some 30 images of 224 pixels. Larger blocks
leave the caches, and beyond 32 MB the allocator returns them to the system each time."""
_IMAGES_AHEAD_PER_THREAD = 16
"""Images to start ahead of the current batch on a CPU, for each thread; two batches, if those have more."""


class WholeImages(Protocol):
    """Images of any shape, decoded or decoded on access."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Return an image, ``[H, W, C]``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CropSettings:
    """How training images are cropped."""

    size: int
    """Side of the crops in pixels after scaling."""
    smallest_area: float
    """Smallest area of a crop as a share of the image."""
    interpolation: Literal["nearest", "bilinear", "bicubic"] = "bicubic"
    """Filter of scaling; all but ``nearest`` are antialiased."""
    mirror: bool = False
    """Whether to mirror half of the images."""


class PhotographCrops:
    """Random resized crops of the images of a split, in batches on a device.

    Args:
        images: The whole images.
        labels_N: Their labels.
        settings: How they are cropped.
        channels: Their number of channels.
        seed: Seed of the trial.
        copier: Copies batches to a device; None: they stay on the CPU.
        normalizer: Normalises images right after they are cropped, while they are in a cache; only on a CPU. None: they
            stay ``uint8``.
        num_workers: Number of threads; None: one per processor. It does not affect batches.
    """

    def __init__(
        self,
        images: WholeImages,
        labels_N: NDArray[np.int64],
        settings: CropSettings,
        *,
        channels: int,
        seed: int,
        copier: Copier | None = None,
        normalizer: Normalizer | None = None,
        num_workers: int | None = None,
    ) -> None:
        self._images, self._settings, self._channels, self._seed = images, settings, channels, seed
        self._labels_N = torch.from_numpy(np.array(labels_N))
        assert normalizer is None or copier is None, "a device normalises faster than a processor"
        self._copier, self._normalizer = copier, normalizer
        self._num_workers = num_workers or decoding_threads()
        self._memory: ReusedMemory | None = None

    def batches(
        self,
        order_N: Tensor,
        sizes: Sequence[int],
        *,
        epoch: int,
        positions_M: Tensor | None = None,
        mirrored_N: Tensor | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield ``(images_BCHW, labels_B)`` for consecutive parts of an epoch.

        Images are ``uint8`` in channels-last memory or, with a normaliser, its floats.

        Args:
            order_N: The epoch's images, ``int64`` indices on the CPU.
            sizes: Number of images in each part.
            epoch: The epoch, counted from 1.
            positions_M: The positions in the order to load, ``int64`` on the CPU; None: all.
            mirrored_N: Whether to mirror the image at each position, instead of drawing it.
        """
        positions_M = torch.arange(len(order_N)) if positions_M is None else positions_M
        drawing = _EpochCrops(
            draws=CropDraws(self._seed, epoch),
            order=order_N.tolist(),
            mirrored=None if mirrored_N is None else mirrored_N.tolist(),
            may_mirror=self._settings.mirror,
        )
        labels_N = self._labels_N[order_N]
        if self._copier is None:
            yield from self._in_place(drawing, labels_N, positions_M, sizes)
        else:
            yield from self._copied(drawing, labels_N, positions_M, sizes, self._copier)

    def _in_place(
        self, drawing: _EpochCrops, labels_N: Tensor, positions_M: Tensor, sizes: Sequence[int]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches on the CPU, each image of which a thread writes to its place in its final form."""
        if not sizes:
            return
        side, channels, normalizer = self._settings.size, self._channels, self._normalizer
        dtype = torch.uint8 if normalizer is None else torch.float32
        planar = normalizer is not None and not normalizer.channels_last
        image_shape = (channels, side, side) if planar else (side, side, channels)
        memory = self._memory_for(max(sizes) * side * side * channels * dtype.itemsize)

        def task(positions_B: Tensor) -> FillTask[tuple[Tensor, Tensor]]:
            pixels = memory.empty((len(positions_B), *image_shape), dtype)
            out_BCHW = pixels if planar else pixels.permute(0, 3, 1, 2)
            crops = drawing.of(positions_B)

            def fill(place: int) -> None:
                image_HWC = self._cropped(*crops[place])
                if normalizer is None:
                    out_BCHW[place].permute(1, 2, 0).copy_(image_HWC)
                else:
                    normalizer.write(image_HWC, out_BCHW[place])

            return FillTask(result=(out_BCHW, labels_N[positions_B]), fill=fill, num_parts=len(positions_B))

        tasks = map(task, torch.split(positions_M, list(sizes)))
        ahead = max(2, -(-_IMAGES_AHEAD_PER_THREAD * self._num_workers // max(sizes)))
        yield from filled(tasks, num_threads=self._num_workers, most_ahead=ahead)

    def _memory_for(self, block_bytes: int) -> ReusedMemory:
        """Return the memory of the epoch before, unless its batches were of another size."""
        if self._memory is None or self._memory.block_bytes != block_bytes:
            self._memory = ReusedMemory(block_bytes)
        return self._memory

    def _copied(
        self, drawing: _EpochCrops, labels_N: Tensor, positions_M: Tensor, sizes: Sequence[int], copier: Copier
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches that are copied to another device in chunks."""
        with ThreadPoolExecutor(self._num_workers, thread_name_prefix="crop") as threads:

            def read(positions_B: Tensor, out_BHWC: Tensor) -> None:
                crops = drawing.of(positions_B)
                # Shared: each thread takes the next image, so that at the end of a chunk none waits long for another.
                places = iter(range(len(crops)))

                def crop(worker: int) -> None:
                    for place in places:
                        out_BHWC[place].copy_(self._cropped(*crops[place]))

                for _ in threads.map(crop, range(self._num_workers)):  # re-raises errors of threads
                    pass

            yield from stream(
                read,
                labels_N,
                positions_M,
                sizes,
                image_shape=(self._settings.size, self._settings.size, self._channels),
                copier=copier,
                chunk_bytes=CHUNK_BYTES_PER_THREAD * self._num_workers,
            )

    def _cropped(self, index: int, drawn: Sequence[float], mirrored: bool) -> Tensor:
        image_HWC = self._images[index]
        box = crop_box(drawn, *image_HWC.shape[:2], smallest_area=self._settings.smallest_area)
        scaled_HWC = scale(image_HWC, box, size=self._settings.size, interpolation=self._settings.interpolation)
        return scaled_HWC.flip(1) if mirrored else scaled_HWC


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _EpochCrops:
    """What is drawn for the images of an epoch."""

    draws: CropDraws
    order: list[int]
    mirrored: list[bool] | None
    """Whether to mirror the image at each position; None: drawn."""
    may_mirror: bool

    def of(self, positions_B: Tensor) -> list[tuple[int, Sequence[float], bool]]:
        """Return index, random numbers of the box and whether to mirror of the images at some positions."""
        positions = positions_B.tolist()
        return [
            (
                self.order[position],
                drawn,
                self.may_mirror and (is_mirrored(drawn) if self.mirrored is None else self.mirrored[position]),
            )
            for position, drawn in zip(positions, self.draws.of(positions).tolist(), strict=True)
        ]


def scale(
    image_HWC: NDArray[np.uint8],
    box: tuple[int, int, int, int],
    *,
    size: int,
    interpolation: Literal["nearest", "bilinear", "bicubic"],
) -> Tensor:
    """Crop a box (top, left, height, width) and scale it to ``uint8`` ``[size, size, C]``."""
    top, left, height, width = box
    with torch.inference_mode():
        # Only with a batch dimension in front does torch take its fast path for channels-last memory.
        crop_BCHW = _tensor(image_HWC)[None, top : top + height, left : left + width].permute(0, 3, 1, 2)
        if interpolation == "nearest":
            scaled_BCHW = functional.interpolate(crop_BCHW, (size, size), mode="nearest-exact")
        else:
            scaled_BCHW = functional.interpolate(crop_BCHW, (size, size), mode=interpolation, antialias=True)
        return scaled_BCHW[0].permute(1, 2, 0)


def _tensor(image_HWC: NDArray[np.uint8]) -> Tensor:
    # torch warns of arrays that cannot be written to, and warnings cannot be silenced in threads.
    return torch.from_numpy(image_HWC if image_HWC.flags.writeable else image_HWC.copy())
