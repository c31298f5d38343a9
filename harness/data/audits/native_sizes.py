"""Native sizes: the original sizes of a dataset's images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from harness.data.image_files import decoding, opening
from harness.data.settings import Report
from harness.data.splitting import SplitIndices
from harness.records.spec import FrozenModel

_COMMON_SIZES = 10


class NativeSize(FrozenModel):
    """A size in pixels, and the number of images with that size."""

    width: int
    height: int
    num_images: int


class NativeSizes(FrozenModel):
    """Original sizes of the readable images, upright, over all splits."""

    distinct: int
    width: tuple[int, float, int]
    """Minimum, median and maximum width in pixels."""
    height: tuple[int, float, int]
    common: tuple[NativeSize, ...]
    """The ten most frequent sizes, most frequent first."""
    num_grey: int
    """Number of images that are stored as grey."""


def measure_sizes(
    images: Mapping[str, tuple[SplitIndices, Sequence[int]]], report: Report, title: str
) -> tuple[NativeSizes | None, Counter[tuple[int, int]], int]:
    """Measure images, given by their indices in the source of each part, by reading their headers.

    Returns:
        The sizes, the number of images of each width and height, and that of images with an unreadable header.
    """
    counts: Counter[tuple[int, int]] = Counter()
    num_grey = num_lost = 0
    for name, (part, indices) in images.items():
        if part.source.images is not None:
            _, height, width, channels = part.source.images.shape
            counts[width, height] += len(indices)
            num_grey += len(indices) * (channels == 1)
            continue
        assert part.source.encoded is not None
        with opening.quiet_pillow():
            for number, index in enumerate(indices):
                if number % 1000 == 0:
                    report(f"{title}: measuring the {name} images", number / len(indices))
                try:
                    header = decoding.read_header(part.source.encoded[index])
                except opening.UnreadableImageError:  # the file has changed, but not its size and modification time
                    num_lost += 1
                    continue
                counts[header.width, header.height] += 1
                num_grey += header.is_grey
    counts += Counter()  # drops zero counts
    if not counts:
        return None, counts, num_lost
    sizes = NativeSizes(
        distinct=len(counts),
        width=_range([(width, count) for (width, _), count in counts.items()]),
        height=_range([(height, count) for (_, height), count in counts.items()]),
        common=tuple(
            NativeSize(width=width, height=height, num_images=count)
            for (width, height), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_COMMON_SIZES]
        ),
        num_grey=num_grey,
    )
    return sizes, counts, num_lost


def _range(weighted: list[tuple[int, int]]) -> tuple[int, float, int]:
    """Return the minimum, median and maximum of values, given with their counts."""
    values, counts = (np.asarray(each) for each in zip(*sorted(weighted), strict=True))
    ends = counts.cumsum()
    total = int(ends[-1])
    middle = [int(values[np.searchsorted(ends, place, side="right")]) for place in ((total - 1) // 2, total // 2)]
    return int(values[0]), sum(middle) / 2, int(values[-1])
