"""Notes on prepared data, for readers of scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.image_writer import WrittenSplit
from harness.data.splitting import SplitIndices
from zoo.dataset import Dataset, FilePart, Splits
from zoo.errors import DataError
from zoo.text import plural

UNREADABLE_SHARE = 0.01
"""Maximum share of training images that may be unreadable."""

_MAX_SHOWN = 5
"""Maximum number of paths or classes that a note lists."""

_LARGEST_DARK_VALUE = (1 << 14) - 1
"""Maximum value for which 16-bit images are assumed to have fewer bits: cameras and scanners have 10, 12 or 14."""


class UnusableImagesError(DataError):
    """Images are missing, or cannot be read in a split from which none may be left out."""


def unreadable_notes(name: str, part: SplitIndices, written: WrittenSplit) -> list[str]:
    bad = written.unreadable
    if not bad:
        return []
    listed = "; ".join(f"{shown(_name_of(part, each.index))} ({each.reason})" for each in bad[:_MAX_SHOWN])
    if len(bad) > _MAX_SHOWN:
        listed += f"; and {len(bad) - _MAX_SHOWN:,} more"
    if name != "train":
        raise UnusableImagesError(
            f"{len(bad):,} {name} image(s) cannot be read, but an evaluation must include all images: {listed}"
        )
    if len(bad) > UNREADABLE_SHARE * len(part):
        raise UnusableImagesError(
            f"{len(bad):,} of {len(part):,} training images cannot be read, more than {UNREADABLE_SHARE:.0%}: {listed}"
        )
    return [f"{len(bad):,} of {len(part):,} training images left out because they cannot be read: {listed}"]


def _name_of(part: SplitIndices, index: int) -> str:
    item = part.source.encoded[index] if part.source.encoded is not None else None
    if isinstance(item, FilePart):
        return f"{item.path}:{part.ids[index]}"
    return str(item) if isinstance(item, Path) else part.ids[index]


def shown(path: Path | str) -> str:
    """Return a path in a readable form on one line."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def depth_notes(written: dict[str, WrittenSplit], bit_depth: int | None) -> list[str]:
    """Return a note on 16-bit images that use only a small part of their range and therefore become almost black.

    Raises:
        DataError: If a bit depth is given, but no image has more than 8 bits per sample.
    """
    peaks = [peak for each in written.values() for peak in each.deep_peaks]
    if bit_depth is not None:
        if not peaks:
            raise DataError(f"data.bit_depth={bit_depth} does nothing: no image has more than 8 bits per sample")
        return []
    dark = dark_bits(peaks)
    return [f"{dark.sentence}; data.bit_depth={dark.bits} scales them by theirs"] if dark else []


@dataclass(frozen=True, kw_only=True, slots=True)
class DarkImages:
    """16-bit images that use only a small part of their range."""

    bits: int
    """Number of bits that hold all their values."""
    sentence: str


def dark_bits(peaks: Sequence[int]) -> DarkImages | None:
    """Return what to say of 16-bit images whose largest values are *peaks*; None if they use enough of their range."""
    if not peaks or max(peaks) > _LARGEST_DARK_VALUE:
        return None
    bits, is_one = max(1, max(peaks).bit_length()), len(peaks) == 1
    return DarkImages(
        bits=bits,
        sentence=f"{plural(len(peaks), 'image')} with 16 bits per sample {'has' if is_one else 'have'} no value above "
        f"{max(peaks):,} of 65,535, as if {'it' if is_one else 'they'} had {bits} bits, and "
        f"{'becomes' if is_one else 'become'} almost black because {'it is' if is_one else 'they are'} scaled by the "
        "full range",
    )


def count_notes(dataset: Dataset, splits: Splits) -> list[str]:
    found = {"training": (dataset.num_train, len(splits.train)), "test": (dataset.num_test, len(splits.test or ()))}
    return [
        f"{count:,} {what} images found, but the dataset is known to have {known:,}"
        for what, (known, count) in found.items()
        if known is not None and count != known and not (what == "test" and splits.test is None)
    ]


def class_notes(splits: Splits, parts: dict[str, SplitIndices], written: dict[str, WrittenSplit]) -> list[str]:
    notes = []
    for name in ("train", "val", "test"):
        present = np.unique(parts[name].source.labels[written[name].kept])
        absent = [label for k, label in enumerate(splits.classes) if k not in set(present.tolist())]
        if absent:
            listed = ", ".join(repr(each) for each in absent[:_MAX_SHOWN]) + (" …" if absent[_MAX_SHOWN:] else "")
            notes.append(f"{len(absent):,} of {len(splits.classes):,} classes have no {name} image: {listed}")
    return notes


def duplicate_notes(written: dict[str, WrittenSplit]) -> list[str]:
    seen = {each for name in ("train", "val") for each in written[name].pixel_hashes}
    count = sum(each in seen for each in written["test"].pixel_hashes)
    if not count:
        return []
    total = len(written["test"].pixel_hashes)
    return [f"{count:,} of {total:,} test images are also among the training or validation images, pixel for pixel"]
