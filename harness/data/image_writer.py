"""The image writer: decoding the images of a split in threads and streaming them to an array file, in order.

Only a few chunks are in memory at a time, for datasets of any size. Shape suffixes: N images, H height, W width,
C channels.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from harness.data.image_files.decoding import decode, fit_array
from harness.data.image_files.opening import UnreadableImageError, quiet_pillow, read_content
from harness.data.splitting import SplitIndices
from harness.system.cores import decoding_threads
from zoo.preparation import Preparation

_CHUNK_IMAGES = 256
_CHUNK_BYTES = 8 << 20
"""Maximum size of a decoded chunk, unless a single image is larger."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """An image that could not be decoded."""

    index: int
    """Index in the source split."""
    reason: str


@dataclass(kw_only=True, slots=True, eq=False)
class WrittenSplit:
    """The outcome of writing a split."""

    kept: NDArray[np.int64]
    """Indices of the written images in the source split."""
    unreadable: list[Unreadable] = field(default_factory=list)
    content_hashes: list[bytes] = field(default_factory=list)
    """SHA-256 of each image as it is stored: of its file's bytes, or of its array's shape and bytes."""
    pixel_hashes: list[bytes] = field(default_factory=list)
    """A hash of each prepared image's pixels."""
    histogram: NDArray[np.int64]
    """``[C, 256]``: number of pixels of each value in each channel."""
    deep_peaks: list[int] = field(default_factory=list)
    """Maximum value of each image with more than 8 bits per sample."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Chunk:
    """Consecutive decoded images of a split."""

    images_NHWC: NDArray[np.uint8]
    kept: list[int]
    unreadable: list[Unreadable]
    content_hashes: list[bytes]
    pixel_hashes: list[bytes]
    histogram: NDArray[np.int64]
    deep_peaks: list[int]


def write_images(
    path: Path,
    part: SplitIndices,
    *,
    channels: int,
    preparation: Preparation,
    report: Callable[[float], None],
    bit_depth: int | None = None,
    num_workers: int | None = None,
) -> WrittenSplit:
    """Write *part* to *path* as a ``.npy`` file of ``uint8`` ``[N, size, size, channels]``.

    Unreadable images are left out and listed. The result does not depend on the number of threads.
    """
    size = preparation.size
    assert size is not None, "the size is resolved before images are prepared"
    with path.open("wb") as file:
        header_length = _write_header(file, (len(part), size, size, channels))

        def write(images_NHWC: NDArray[np.uint8]) -> None:
            file.write(images_NHWC.data)

        how: dict[str, Any] = {"channels": channels, "preparation": preparation, "bit_depth": bit_depth}
        written = read_images(part, write, report=report, num_workers=num_workers, **how)
        file.seek(0)
        # numpy pads headers so that the size of the first axis can be changed in place.
        if _write_header(file, (len(written.kept), size, size, channels)) != header_length:
            raise AssertionError("the header's length must not depend on the number of images")
        file.flush()
        os.fsync(file.fileno())
    return written


def read_images(
    part: SplitIndices,
    take: Callable[[NDArray[np.uint8]], None],
    *,
    channels: int,
    preparation: Preparation,
    report: Callable[[float], None],
    bit_depth: int | None = None,
    num_workers: int | None = None,
) -> WrittenSplit:
    """Decode *part* and pass its images ``[n, size, size, channels]`` to *take*, a few at a time and in order."""
    written = WrittenSplit(kept=part.indices[:0], histogram=np.zeros((channels, 256), dtype=np.int64))
    kept: list[int] = []
    done = 0
    how: dict[str, Any] = {"channels": channels, "preparation": preparation, "bit_depth": bit_depth}
    for chunk in decoded_chunks(part, num_workers=num_workers, **how):
        take(chunk.images_NHWC)
        kept += chunk.kept
        written.unreadable += chunk.unreadable
        written.content_hashes += chunk.content_hashes
        written.pixel_hashes += chunk.pixel_hashes
        written.histogram += chunk.histogram
        written.deep_peaks += chunk.deep_peaks
        done += len(chunk.kept) + len(chunk.unreadable)
        report(done / len(part))
    written.kept = np.asarray(kept, dtype=np.int64)
    return written


def decoded_chunks(
    part: SplitIndices,
    *,
    channels: int,
    preparation: Preparation,
    bit_depth: int | None = None,
    num_workers: int | None = None,
) -> Iterator[Chunk]:
    """Decode *part* in threads; yield its chunks in order, a few of them in memory at a time."""
    size = preparation.size
    assert size is not None, "the size is resolved before images are prepared"
    per_chunk = max(1, min(_CHUNK_IMAGES, _CHUNK_BYTES // (size * size * channels)))
    yield from _in_threads(_chunks(part, per_chunk, channels, preparation, bit_depth), num_workers)


def hash_pixels(images_NHWC: NDArray[np.uint8]) -> list[bytes]:
    """Return a hash of each image's pixels, which is equal only for equal images, apart from practically impossible
    collisions.
    """
    return [hashlib.blake2b(image.data, digest_size=16).digest() for image in images_NHWC]


def _write_header(file: IO[bytes], shape: tuple[int, ...]) -> int:
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.tell()


def hash_content(item: Any) -> bytes:
    """Return the SHA-256 of an image as it is stored: of its file's bytes, or of its array's shape and bytes.

    Raises:
        OSError: If its file cannot be read.
    """
    if isinstance(item, np.ndarray):
        return hashlib.sha256(repr(item.shape).encode() + item.tobytes()).digest()
    return hashlib.sha256(item if isinstance(item, bytes) else read_content(item)).digest()


def _chunks(
    part: SplitIndices, per_chunk: int, channels: int, preparation: Preparation, bit_depth: int | None
) -> Iterator[Callable[[], Chunk]]:
    source = part.source.images if part.source.images is not None else part.source.encoded
    assert source is not None
    for start in range(0, len(part), per_chunk):
        indices = [int(index) for index in part.indices[start : start + per_chunk]]
        # Read items here, one after another, because a lazy sequence may not be thread-safe.
        items = [source[index] for index in indices]
        yield partial(_decode_chunk, indices, items, channels, preparation, bit_depth)


def _decode_chunk(
    indices: list[int], items: list[Any], channels: int, preparation: Preparation, bit_depth: int | None
) -> Chunk:
    size = preparation.size or 0
    images_NHWC = np.empty((len(items), size, size, channels), dtype=np.uint8)
    kept: list[int] = []
    content_hashes: list[bytes] = []
    unreadable: list[Unreadable] = []
    deep_peaks: list[int] = []
    for index, item in zip(indices, items, strict=True):
        try:
            if isinstance(item, np.ndarray):
                image_HWC = fit_array(item, channels=channels, preparation=preparation)
            else:
                image_HWC = decode(
                    item,
                    channels=channels,
                    preparation=preparation,
                    bit_depth=bit_depth,
                    on_deep_image=deep_peaks.append,
                )
        except UnreadableImageError as error:
            unreadable.append(Unreadable(index=index, reason=str(error)))
        else:
            images_NHWC[len(kept)] = image_HWC
            kept.append(index)
            content_hashes.append(hash_content(item))
    images_NHWC = images_NHWC[: len(kept)]
    return Chunk(
        images_NHWC=images_NHWC,
        kept=kept,
        unreadable=unreadable,
        content_hashes=content_hashes,
        pixel_hashes=hash_pixels(images_NHWC),
        histogram=np.stack([np.bincount(images_NHWC[..., c].ravel(), minlength=256) for c in range(channels)]),
        deep_peaks=deep_peaks,
    )


def _in_threads(tasks: Iterator[Callable[[], Chunk]], num_workers: int | None) -> Iterator[Chunk]:
    """Yield the tasks' results in order, with a few running ahead."""
    num_workers = num_workers or decoding_threads()
    waiting: deque[Future[Chunk]] = deque()
    with quiet_pillow(), ThreadPoolExecutor(num_workers, thread_name_prefix="decode") as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(task))
                if len(waiting) > num_workers + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
