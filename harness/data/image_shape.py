"""The shape that all images of a dataset are converted to: the requested one, or else their common one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.data import decoding
from harness.data.settings import Report
from harness.data.splitting import SplitIndices
from harness.records.spec import DatasetSpec
from zoo.dataset import Dataset

DEFAULT_SIZE = 224
"""Default image side if the images differ in size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The size and channels that all images are converted to."""

    size: int
    channels: int
    notes: list[str]

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
    ) -> Shape:
        """Determine the shape, from the images' headers if no setting specifies it."""
        size, channels = spec.image_size or dataset.image_size, dataset.channels
        if size is not None and channels is not None:
            return cls(size=size, channels=channels, notes=[])
        sizes: set[tuple[int, int]] = set()
        all_grey = True
        with decoding.quiet_pillow():
            for name, part in parts.items():
                for number, (width, height, is_grey) in enumerate(_headers(part)):
                    sizes.add((width, height))
                    all_grey &= is_grey
                    if number % 1000 == 0:
                        report(f"{spec.display_name}: looking at the {name} images", number / len(part))
        notes = []
        common = next(iter(sizes)) if len(sizes) == 1 else (0, 1)
        if size is None and common[0] == common[1]:
            size = common[0]
        elif size is None:
            size = DEFAULT_SIZE
            what = "images of different sizes" if len(sizes) > 1 else f"images of {common[0]}×{common[1]} pixels"
            notes.append(f"{what}: shorter sides scaled to {size}, centres cropped (data.image_size sets another)")
        return cls(size=size, channels=channels or (1 if all_grey else 3), notes=notes)


def _headers(part: SplitIndices) -> Iterator[tuple[int, int, bool]]:
    """Yield the width, the height and whether it is grey, for each readable image."""
    if part.source.images is not None:
        _, height, width, channels = part.source.images.shape
        yield width, height, channels == 1
        return
    assert part.source.encoded is not None
    for index in part.indices:
        try:
            header = decoding.read_header(part.source.encoded[int(index)])
        except decoding.UnreadableImageError:  # decoding will report it
            continue
        yield header.width, header.height, header.is_grey
