"""The shape of a dataset's images as they are stored, and the preparation that follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.data.image_files import decoding, opening
from harness.data.settings import Report
from harness.data.splitting import SplitIndices
from harness.records.spec import DatasetSpec
from zoo.dataset import Dataset
from zoo.preparation import DEFAULT_SIZE, USUAL, Preparation, default_size


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a network wants of images, as far as it is known without them."""

    preparation: Preparation
    """How images are prepared; the size is open if it depends on the images."""
    design_size: int = DEFAULT_SIZE
    """Image side in pixels that the network was designed for, which limits the default size."""
    whole: bool = False
    """Whether whole training images are wanted as well, for random resized crops."""

    def settled(self, common: int | None) -> Preparation:
        """Return the preparation, with a size if all images are known to be squares of *common* pixels."""
        found = self.preparation.over(USUAL)
        if found.size is not None or common is None:
            return found
        return replace(found, size=default_size(self.design_size, common=common, median=common))


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The preparation and the channels that all images get."""

    preparation: Preparation
    """Resolved: with a size."""
    channels: int
    notes: list[str]

    @property
    def size(self) -> int:
        """Image side in pixels."""
        assert self.preparation.size is not None, "it is resolved"
        return self.preparation.size

    @property
    def num_bytes(self) -> int:
        """Size of an image in bytes."""
        return self.size * self.size * self.channels

    @classmethod
    def find(
        cls,
        dataset: Dataset,
        spec: DatasetSpec,
        parts: dict[str, SplitIndices],
        report: Report,
        wanted: Wanted,
    ) -> Shape:
        """Determine the shape, from the images' headers if no layer specifies it."""
        preparation, channels = wanted.settled(dataset.image_size), dataset.channels
        if channels is not None and preparation.size is not None:
            return cls(preparation=preparation.view, channels=channels, notes=[])
        sizes: Counter[tuple[int, int]] = Counter()
        all_grey = True
        with opening.quiet_pillow():
            for name, part in parts.items():
                for number, (width, height, is_grey) in enumerate(_headers(part)):
                    sizes[width, height] += 1
                    all_grey &= is_grey
                    if number % 1000 == 0:
                        report(f"{spec.display_name}: looking at the {name} images", number / len(part))
        notes = []
        if preparation.size is None:
            sides = {min(each) for each in sizes} if all(width == height for width, height in sizes) else set()
            preparation = wanted.settled(sides.pop() if len(sides) == 1 else None)
        if preparation.size is None:
            size = default_size(wanted.design_size, common=None, median=_median_side(sizes))
            preparation = replace(preparation, size=size)
            notes.append(_note(sizes, preparation))
        return cls(preparation=preparation.view, channels=channels or (1 if all_grey else 3), notes=notes)


def _note(sizes: Counter[tuple[int, int]], preparation: Preparation) -> str:
    """Return a sentence on images that are not squares of one size."""
    (width, height), _ = sizes.most_common(1)[0] if sizes else ((0, 0), 0)
    what = "images of different sizes" if len(sizes) != 1 else f"images of {width}×{height} pixels"
    return f"{what}: prepared as {preparation} (data.image_size and data.fit set others)"


def _median_side(sizes: Counter[tuple[int, int]]) -> int:
    """Return the median of the images' shorter sides, the lower one of two; without images, the usual size."""
    sides: Counter[int] = Counter()
    for shape, count in sizes.items():
        sides[min(shape)] += count
    left = (sides.total() + 1) // 2
    for side, count in sorted(sides.items()):
        left -= count
        if left <= 0:
            return side
    return DEFAULT_SIZE


def _headers(part: SplitIndices) -> Iterator[tuple[int, int, bool]]:
    """Yield the width, the height and whether it is grey, for each readable image."""
    if part.source.images is not None:
        _, height, width, channels = part.source.images.shape
        for _ in range(len(part)):
            yield width, height, channels == 1
        return
    assert part.source.encoded is not None
    for index in part.indices:
        try:
            header = decoding.read_header(part.source.encoded[int(index)])
        except opening.UnreadableImageError:  # decoding will report it
            continue
        yield header.width, header.height, header.is_grey
