"""Duplicates: images whose decoded pixels are equal, within a split and across splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from harness.records.spec import FrozenModel

SPLITS = ("train", "val", "test")


class Twins(FrozenModel):
    """Two images with equal pixels."""

    ids: tuple[str, str]
    classes: tuple[str, str]
    """Names of their classes."""


class Duplicates(FrozenModel):
    """The equal images of one split, or of two."""

    splits: tuple[str, ...]
    """One split, or two in the order train, val, test."""
    num_images: int
    """Within a split: images that equal an earlier one. Across two: images of the second that are in the first."""
    num_conflicting: int
    """How many of these equal an image with another label."""
    twins: tuple[Twins, ...]
    """One for each of these images that equals one with the same label."""
    conflicts: tuple[Twins, ...]
    """One for each of these images that equals one with another label."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HashedImage:
    """The part of an image that is compared."""

    id: str
    label: int
    pixel_hash: bytes


def find_duplicates(images: Mapping[str, Sequence[HashedImage]], classes: Sequence[str]) -> tuple[Duplicates, ...]:
    """Return the duplicates within each split, and across each two, where there are any."""
    present = [name for name in SPLITS if name in images]
    found = [_compare((name,), [], images[name], classes) for name in present]
    found += [_compare(pair, images[pair[0]], images[pair[1]], classes) for pair in combinations(present, 2)]
    return tuple(each for each in found if each.num_images)


def _compare(
    splits: tuple[str, ...], first: Sequence[HashedImage], second: Sequence[HashedImage], classes: Sequence[str]
) -> Duplicates:
    """Look for each image of *second* in *first*, or, within a split, among those before it."""
    known: dict[bytes, dict[int, HashedImage]] = {}  # for each content, the first image of each label
    for image in first:
        known.setdefault(image.pixel_hash, {}).setdefault(image.label, image)
    num_images = 0
    twins: list[Twins] = []
    conflicts: list[Twins] = []
    for image in second:
        equal = known.get(image.pixel_hash, {})
        num_images += bool(equal)
        for where, other in (
            (twins, equal.get(image.label)),
            (conflicts, next((each for label, each in equal.items() if label != image.label), None)),
        ):
            if other is not None:
                where.append(Twins(ids=(other.id, image.id), classes=(classes[other.label], classes[image.label])))
        if len(splits) == 1:
            known.setdefault(image.pixel_hash, {}).setdefault(image.label, image)
    return Duplicates(
        splits=splits,
        num_images=num_images,
        num_conflicting=len(conflicts),
        twins=tuple(twins),
        conflicts=tuple(conflicts),
    )
