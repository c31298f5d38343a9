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
from harness.batches.device_copy import Copier, copier_for
from harness.batches.prefetch import stream
from harness.system.cores import decoding_threads

CHUNK_BYTES_PER_THREAD = 4 << 20
"""Approximate size of a chunk that is cropped at a time, for each thread: some 30 images of 224 pixels. Larger blocks
leave the caches, and beyond 32 MB the allocator returns them to the system each time."""


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
        device: The device of batches.
        settings: How they are cropped.
        channels: Their number of channels.
        seed: Seed of the trial.
        copier: Copies batches to the device; None: the fastest one for it.
        num_workers: Number of threads; None: one per processor. It does not affect batches.
    """

    def __init__(
        self,
        images: WholeImages,
        labels_N: NDArray[np.int64],
        device: torch.device,
        settings: CropSettings,
        *,
        channels: int,
        seed: int,
        copier: Copier | None = None,
        num_workers: int | None = None,
    ) -> None:
        self._images, self._settings, self._channels, self._seed = images, settings, channels, seed
        self._labels_N = torch.from_numpy(np.array(labels_N))
        self._copier = copier or copier_for(device)
        self._num_workers = num_workers or decoding_threads()

    def batches(
        self,
        order_N: Tensor,
        sizes: Sequence[int],
        *,
        epoch: int,
        positions_M: Tensor | None = None,
        mirrored_N: Tensor | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield ``(images_BCHW, labels_B)``, ``uint8`` in channels-last memory, for consecutive parts of an epoch.

        Args:
            order_N: The epoch's images, ``int64`` indices on the CPU.
            sizes: Number of images in each part.
            epoch: The epoch, counted from 1.
            positions_M: The positions in the order to load, ``int64`` on the CPU; None: all.
            mirrored_N: Whether to mirror the image at each position, instead of drawing it.
        """
        positions_M = torch.arange(len(order_N)) if positions_M is None else positions_M
        draws = CropDraws(self._seed, epoch)
        order = order_N.tolist()
        mirrored = None if mirrored_N is None else mirrored_N.tolist()
        side = self._settings.size

        with ThreadPoolExecutor(self._num_workers, thread_name_prefix="crop") as threads:

            def read(positions_B: Tensor, out_BHWC: Tensor) -> None:
                positions = positions_B.tolist()
                drawn = draws.of(positions).tolist()

                # Shared: each thread takes the next image, so that at the end of a chunk none waits long for another.
                places = iter(range(len(positions)))

                def crop(worker: int) -> None:
                    for place in places:
                        position, numbers = positions[place], drawn[place]
                        flip = self._settings.mirror and (
                            is_mirrored(numbers) if mirrored is None else mirrored[position]
                        )
                        self._crop(order[position], numbers, flip, out_BHWC[place])

                for _ in threads.map(crop, range(self._num_workers)):  # re-raises errors of threads
                    pass

            yield from stream(
                read,
                self._labels_N[order_N],
                positions_M,
                sizes,
                image_shape=(side, side, self._channels),
                copier=self._copier,
                chunk_bytes=CHUNK_BYTES_PER_THREAD * self._num_workers,
            )

    def _crop(self, index: int, drawn: Sequence[float], flip: bool, out_HWC: Tensor) -> None:
        image_HWC = self._images[index]
        box = crop_box(drawn, *image_HWC.shape[:2], smallest_area=self._settings.smallest_area)
        scaled_HWC = scale(image_HWC, box, size=self._settings.size, interpolation=self._settings.interpolation)
        out_HWC.copy_(scaled_HWC.flip(1) if flip else scaled_HWC)


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
