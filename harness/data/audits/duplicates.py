"""Duplicates: images with equal decoded pixels, within a split and across splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from harness.records.spec import FrozenModel

SPLITS = ("train", "val", "test")


class EqualImages(FrozenModel):
    """Two images with equal pixels."""

    ids: tuple[str, str]
    classes: tuple[str, str]
    """Class names of the two images."""


class Duplicates(FrozenModel):
    """The equal images within a split, or across two splits."""

    splits: tuple[str, ...]
    """Name of the split, or of both splits in the order train, val, test."""
    num_images: int
    """Within a split: images equal to an earlier one. Across two: images of the second that are also in the first."""
    num_conflicting: int
    """Number of these images that are equal to an image with another label."""
    twins: tuple[EqualImages, ...]
    """A pair for each of these images that is equal to one with the same label."""
    conflicts: tuple[EqualImages, ...]
    """A pair for each of these images that is equal to one with another label."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HashedImage:
    """The parts of an image that are compared."""

    id: str
    label: int
    pixel_hash: bytes


def find_duplicates(images: Mapping[str, Sequence[HashedImage]], classes: Sequence[str]) -> tuple[Duplicates, ...]:
    """Return the duplicates within each split and across each pair of splits, if there are any."""
    present = [name for name in SPLITS if name in images]
    found = [_compare((name,), [], images[name], classes) for name in present]
    found += [_compare(pair, images[pair[0]], images[pair[1]], classes) for pair in combinations(present, 2)]
    return tuple(each for each in found if each.num_images)


def _compare(
    splits: tuple[str, ...], first: Sequence[HashedImage], second: Sequence[HashedImage], classes: Sequence[str]
) -> Duplicates:
    """Look for each image of *second* in *first*, or among the earlier images if both are the same split."""
    known: dict[bytes, dict[int, HashedImage]] = {}  # for each content, the first image of each label
    for image in first:
        known.setdefault(image.pixel_hash, {}).setdefault(image.label, image)
    num_images = 0
    twins: list[EqualImages] = []
    conflicts: list[EqualImages] = []
    for image in second:
        equal = known.get(image.pixel_hash, {})
        num_images += bool(equal)
        for where, other in (
            (twins, equal.get(image.label)),
            (conflicts, next((each for label, each in equal.items() if label != image.label), None)),
        ):
            if other is not None:
                where.append(
                    EqualImages(ids=(other.id, image.id), classes=(classes[other.label], classes[image.label]))
                )
        if len(splits) == 1:
            known.setdefault(image.pixel_hash, {}).setdefault(image.label, image)
    return Duplicates(
        splits=splits,
        num_images=num_images,
        num_conflicting=len(conflicts),
        twins=tuple(twins),
        conflicts=tuple(conflicts),
    )
