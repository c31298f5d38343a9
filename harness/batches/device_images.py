"""Device images: the images of a split on the device, in the order of an epoch.

Images come from the device if they all fit, from the decoded file in the cache if they do not, or are decoded on the
fly if that file would not fit on the disk. All three ways give the same batches, bit for bit. Shape suffixes:
N images, B batch, C channels, H height, W width.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.batches.device_copy import Copier, copier_for
from harness.batches.prefetch import stream
from harness.data.images import ImageSet, SelectedImages
from harness.data.streaming_images import StreamedImages
from harness.faults.errors import TrialError
from harness.randomness import derive_seed
from harness.records.record import FailureKind
from harness.system.cores import decoding_threads

RESIDENT_SHARE = 0.4
"""Share of a trial's memory on the device available for images; the rest is for the network and its activations."""

_FILL_IMAGES = 256
"""Number of images copied to the device at a time if they are decoded on the fly."""


class DeviceImages:
    """A split's images and labels, ready to be served in batches on *device*.

    Args:
        resident: Whether to keep all images on the device; None: if they fit. On the CPU, decoded images are always
            mapped from their file, which processes share, and other images are never kept.
        copier: Copies images that are not kept on the device; None: the fastest copier for the device.
        num_workers: Number of threads that decode images on the fly; None: as many as this process may use. It does
            not affect batches.
        trials_on_device: How many trials may run on the device at a time.
    """

    def __init__(
        self,
        images: ImageSet,
        device: torch.device,
        *,
        resident: bool | None = None,
        copier: Copier | None = None,
        num_workers: int | None = None,
        trials_on_device: int = 1,
    ) -> None:
        self.device = device
        self._labels_N = torch.from_numpy(np.array(images.labels_N))
        self.labels_N = self._labels_N.to(device)
        self._source = images.images_NHWC
        self._copier, self._num_workers = copier, num_workers or decoding_threads()
        if resident is None:
            if device.type == "cpu":
                resident = not isinstance(_all_of(self._source), StreamedImages)
            else:
                resident = self._source.nbytes <= room_for_images(device, trials_on_device)
        self.resident = resident
        self._places_N: Tensor | None = None
        """Position of each image among the resident ones; None: in order."""
        self._images_NHWC = self._on_device() if resident else None

    def __len__(self) -> int:
        return len(self.labels_N)

    @property
    def resident_bytes(self) -> int:
        """Accelerator memory that the images take; 0 on a CPU, where they are mapped from their file."""
        return 0 if self.device.type == "cpu" or self._images_NHWC is None else self._images_NHWC.nbytes

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self._source.shape[1], self._source.shape[2]

    def batches(self, order_N: Tensor, sizes: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield ``(images_BCHW, labels_B)`` for consecutive parts of *order_N*, ``int64`` indices on the CPU.

        Images are ``uint8``, dense in channels-last memory.

        Raises:
            TrialError: If an image that is decoded on the fly can no longer be decoded.
        """
        if self._images_NHWC is None:
            yield from self._streamed(order_N, sizes)
            return
        order_N = order_N.to(self.device)
        for indices_B in torch.split(order_N, list(sizes)):
            places_B = indices_B if self._places_N is None else self._places_N[indices_B]
            yield self._images_NHWC.index_select(0, places_B).permute(0, 3, 1, 2), self.labels_N[indices_B]

    def _streamed(self, order_N: Tensor, sizes: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        copier = self._copier or copier_for(self.device)
        _, height, width, channels = self._source.shape
        with _reader(self._source, self._num_workers) as read:
            yield from stream(
                read, self._labels_N, order_N, sizes, image_shape=(height, width, channels), copier=copier
            )

    def _on_device(self) -> Tensor:
        if isinstance(self._source, np.ndarray):
            return _without_copy(self._source).to(self.device)
        every = _all_of(self._source)
        if self.device.type == "cpu" and isinstance(every, np.ndarray):
            assert isinstance(self._source, SelectedImages), "otherwise it would be the array itself"
            self._places_N = torch.from_numpy(self._source.places_N)
            return _without_copy(every)
        images_NHWC = torch.empty(self._source.shape, dtype=torch.uint8, device=self.device)
        order_N = torch.arange(len(self._source))
        places = torch.split(images_NHWC, _FILL_IMAGES)
        sizes = [len(each) for each in places]
        for place_BHWC, (images_BCHW, _) in zip(places, self._streamed(order_N, sizes), strict=True):
            place_BHWC.copy_(images_BCHW.permute(0, 2, 3, 1))
        return images_NHWC


def _all_of(
    source: NDArray[np.uint8] | StreamedImages | SelectedImages,
) -> NDArray[np.uint8] | StreamedImages:
    return source.images if isinstance(source, SelectedImages) else source


@contextmanager
def _reader(
    source: NDArray[np.uint8] | StreamedImages | SelectedImages, num_threads: int
) -> Iterator[Callable[[Tensor, Tensor], None]]:
    """Yield a function that fills host memory ``out_BHWC`` with the images ``indices_B``."""
    if isinstance(source, SelectedImages):
        places_N = torch.from_numpy(source.places_N)
        with _reader(source.images, num_threads) as read_places:
            yield lambda indices_B, out_BHWC: read_places(places_N[indices_B], out_BHWC)
    elif isinstance(source, StreamedImages):
        encoded = source
        with ThreadPoolExecutor(num_threads, thread_name_prefix="decode") as threads:
            yield lambda indices_B, out_BHWC: encoded.take(indices_B.tolist(), out_BHWC.numpy(), threads, num_threads)
    else:
        mapped_NHWC = _without_copy(source)

        def read(indices_B: Tensor, out_BHWC: Tensor) -> None:
            torch.index_select(mapped_NHWC, 0, indices_B, out=out_BHWC)

        yield read


def room_for_images(device: torch.device, trials: int = 1) -> int:
    """Return how many bytes of images may stay on an accelerator; 0 if its free memory is not known.

    Memory that torch has freed and keeps for itself counts as free. Of several trials, each may count on its part of
    the whole memory, whether the others have taken theirs yet or not.
    """
    if device.type == "mps":
        total = torch.mps.recommended_max_memory()
        free = total - torch.mps.current_allocated_memory()
    else:
        memory_of = getattr(torch.get_device_module(device), "mem_get_info", None)
        if memory_of is None:
            return 0
        free, total = memory_of(device)
        free += torch.accelerator.memory_reserved(device) - torch.accelerator.memory_allocated(device)
    return int(RESIDENT_SHARE * min(free, total / trials))


def batch_sizes(num_images: int, batch_size: int) -> list[int]:
    """Return the sizes of an epoch's batches. A last batch of 1 is merged into the previous one.

    Batch normalisation has no variance over one image, and dropping the image would misstate the number of training
    images.

    Raises:
        TrialError: If there are too few images for a training step.
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
    """Split a batch into at most *accumulate_steps* near-equal parts. Only a batch of 1 image has a part of 1 image.

    Args:
        batch: Number of images.
        accumulate_steps: Number of parts that the recipe sets.
        at_most: Maximum number of images per part for which there is memory; the number of parts rises as needed.
        floor: Minimum number of images per part when *at_most* raises the number of parts, unless the batch has fewer.
    """
    needed = math.ceil(batch / at_most) if at_most else 1
    parts = max(1, min(accumulate_steps, batch // 2), min(needed, batch // floor))
    bounds = [batch * part // parts for part in range(parts + 1)]
    return [high - low for low, high in pairwise(bounds)]


def offsets(sizes: Sequence[int]) -> list[int]:
    """Return the start of each batch within the epoch."""
    return [0, *accumulate(sizes[:-1])]


def epoch_order(
    labels_N: NDArray[np.int64], sampling: Literal["shuffle", "balanced"], *, seed: int, epoch: int
) -> Tensor:
    """Return the order of an epoch's N images as ``int64`` indices on the CPU, derived from (seed, epoch) only.

    ``shuffle`` is a permutation. ``balanced`` draws every class in the data equally often (within one), and its
    images with replacement.
    """
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "order", epoch)))
    num_images = len(labels_N)
    if sampling == "shuffle":
        return torch.from_numpy(rng.permutation(num_images))
    classes, counts = np.unique(labels_N, return_counts=True)
    by_class = np.argsort(labels_N, kind="stable")
    starts = np.cumsum(counts) - counts
    # The classes that get the remainder are drawn at random as well.
    drawn = rng.permutation(np.resize(rng.permutation(len(classes)), num_images))
    within = (rng.random(num_images) * counts[drawn]).astype(np.int64)
    return torch.from_numpy(by_class[starts[drawn] + within])


def _without_copy(images_NHWC: NDArray[np.uint8]) -> Tensor:
    with warnings.catch_warnings():
        # The array is a read-only map, and nothing here writes to it.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(images_NHWC)
