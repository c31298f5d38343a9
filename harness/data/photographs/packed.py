"""Packed images: the decoded whole images of a split, one after another in one file.

=================  =====================================================================
``SPLIT-whole``    ``.bin``: pixels, ``uint8 [H, W, C]`` of each image, without gaps
``SPLIT-shapes``   ``.npy``: ``int64 [N, 3]``: offset in bytes, H and W of each image
=================  =====================================================================

Shape suffixes: N images, H height, W width, C channels.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data.array_files import load_array
from harness.data.image_files.opening import Encoded, quiet_pillow
from harness.data.photographs.whole import decode_whole, whole_of_array
from harness.system.cores import decoding_threads
from zoo.files.plain_files import PACK, open_plain

_TASK_IMAGES = 16
"""Number of images that a thread decodes at a time."""


def write_packed(
    folder: Path,
    split: str,
    items: Iterable[Encoded | NDArray[np.uint8]],
    *,
    channels: int,
    rung: int,
    bit_depth: int | None = None,
    report: Callable[[int], None] = lambda done: None,
    num_workers: int | None = None,
) -> int:
    """Decode images and write them to *folder* in order; only a few are in memory at a time.

    Args:
        items: Encoded images, or pixels ``[H, W, C]``.
        rung: Maximum length of the shorter side.
        bit_depth: As in :func:`harness.data.image_files.decoding.decode`.
        report: Called with the number of images written.
        num_workers: Number of decoding threads; None: one per processor. It does not change the result.

    Returns:
        The size in bytes.

    Raises:
        UnreadableImageError: If an image cannot be decoded.
        OSError: If a file cannot be written.
    """
    shapes: list[tuple[int, int, int]] = []
    offset = 0
    with (folder / f"{split}-whole.bin").open("wb") as file:
        for image_HWC in _decoded(items, channels, rung, bit_depth, num_workers):
            file.write(np.ascontiguousarray(image_HWC).data)
            shapes.append((offset, *image_HWC.shape[:2]))
            offset += image_HWC.size
            if len(shapes) % _TASK_IMAGES == 0:
                report(len(shapes))
        if not offset:
            file.write(b"\0")  # an empty file cannot be mapped
        file.flush()
        os.fsync(file.fileno())
    np.save(folder / f"{split}-shapes.npy", np.array(shapes, dtype=np.int64).reshape(-1, 3))
    return offset


class PackedImages:
    """The whole images of a split, mapped into memory: an index gives ``uint8 [H, W, C]`` without copying.

    Raises:
        OSError: If a file is missing, or is not a plain one.
        ValueError: If they are damaged.
    """

    def __init__(self, folder: Path, split: str, *, channels: int) -> None:
        self._shapes_N3: NDArray[np.int64] = load_array(folder / f"{split}-shapes.npy")
        # Copy-on-write, because torch warns of arrays that cannot be written to; nothing writes to it.
        with open_plain(folder / f"{split}-whole.bin", PACK) as file:
            # As a plain array, whose slices are made in a third of the time.
            self._pixels = np.asarray(np.memmap(file, dtype=np.uint8, mode="c"))
        self._channels = channels
        self._check(folder / f"{split}-whole.bin")

    def _check(self, path: Path) -> None:
        """Raise ``ValueError`` if an image is not within the pixels."""
        shapes_N3 = self._shapes_N3
        if shapes_N3.ndim != 2 or shapes_N3.shape[1] != 3 or shapes_N3.dtype != np.int64:
            raise ValueError(f"{path} has no places of images")
        if not len(shapes_N3):
            return
        # As floats, which do not overflow.
        ends_N = shapes_N3[:, 0] + shapes_N3[:, 1:].astype(np.float64).prod(axis=1) * self._channels
        if shapes_N3.min() < 0 or ends_N.max() > len(self._pixels):
            raise ValueError(f"{path} holds {len(self._pixels):,} bytes, fewer than its images need")

    def __len__(self) -> int:
        return len(self._shapes_N3)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        offset, height, width = self._shapes_N3[index].tolist()
        pixels = self._pixels[offset : offset + height * width * self._channels]
        return pixels.reshape(height, width, self._channels)


def _decoded(
    items: Iterable[Encoded | NDArray[np.uint8]],
    channels: int,
    rung: int,
    bit_depth: int | None,
    num_workers: int | None,
) -> Iterator[NDArray[np.uint8]]:
    """Yield the decoded items in order, with a few tasks running ahead."""
    num_workers = num_workers or decoding_threads()

    def decode(some: list[Encoded | NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        return [
            whole_of_array(item, channels=channels, rung=rung)
            if isinstance(item, np.ndarray)
            else decode_whole(item, channels=channels, rung=rung, bit_depth=bit_depth)
            for item in some
        ]

    waiting: deque[Future[list[NDArray[np.uint8]]]] = deque()
    with quiet_pillow(), ThreadPoolExecutor(num_workers, thread_name_prefix="decode") as pool:
        try:
            for some in _grouped(items):
                waiting.append(pool.submit(decode, some))
                if len(waiting) > num_workers + 1:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _grouped(items: Iterable[Encoded | NDArray[np.uint8]]) -> Iterator[list[Encoded | NDArray[np.uint8]]]:
    group: list[Encoded | NDArray[np.uint8]] = []
    for item in items:
        group.append(item)
        if len(group) == _TASK_IMAGES:
            yield group
            group = []
    if group:
        yield group
