"""Audits: the content and problems of a dataset as plain data. :mod:`harness.data.audits.auditing` creates them."""

from __future__ import annotations

from typing import Literal

from harness.data.audits.duplicates import Duplicates
from harness.data.audits.native_sizes import NativeSizes
from harness.data.audits.preparation_effect import PreparationEffect
from harness.records.spec import FrozenModel
from zoo.text import plural


class UnreadableImage(FrozenModel):
    """An image that cannot be decoded."""

    id: str
    path: str | None
    """Path of its file, if it is a separate file."""
    reason: str


class SplitAudit(FrozenModel):
    """The audit of a split."""

    name: str
    carved_from: str | None
    """The source's split that it was carved from; None: the source's own split of that name."""
    num_images: int
    """Number of readable images."""
    counts: tuple[int, ...]
    """Number of readable images in each class."""
    imbalance: float | None
    """Size of the largest class divided by that of the smallest non-empty class; None without images."""
    absent: tuple[str, ...]
    """Classes without images."""
    unreadable: tuple[UnreadableImage, ...]
    unreadable_outcome: Literal["", "left out", "error"]
    """Consequence of unreadable images: left out of training, or an error that keeps the dataset from being used."""


class DatasetAudit(FrozenModel):
    """The images of a dataset and their problems."""

    name: str
    full_name: str
    provider: str
    source: str
    """Paper or page that describes it; empty if none is stated."""
    fingerprint: str | None
    """Fingerprint in the records of trials with the same settings; None if the dataset cannot be prepared."""
    classes: tuple[str, ...]
    image_size: int
    """Side of the prepared images in pixels."""
    channels: int
    mean: tuple[float, ...] | None
    """Mean per channel of the readable training pixels, scaled to [0, 1]."""
    std: tuple[float, ...] | None
    native_sizes: NativeSizes | None
    """Original sizes of the images; None without readable images."""
    effect: PreparationEffect | None = None
    """What the preparation does to them."""
    splits: tuple[SplitAudit, ...]
    duplicates: tuple[Duplicates, ...]
    num_lost: int
    """Number of images in the cache whose files have become unreadable, with the same size and modification time."""
    num_groups: int | None = None
    """Number of groups in all splits; None if the dataset has no groups."""
    shared_groups: tuple[str, ...] = ()
    """Sentences on groups that are in two splits."""
    omissions: tuple[str, ...]
    """Sentences on images that are not in any split."""
    notes: tuple[str, ...]
    error: str
    """Why the dataset cannot be used; empty if it can."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences on problems: images left out or unreadable, untrained classes, leaks, conflicting labels."""
        found = [*self.omissions, *self.shared_groups]
        absent = {split.name: set(split.absent) for split in self.splits}
        untrained = [each for each in self.classes if each in absent.get("train", set()) - absent.get("test", set())]
        for split in self.splits:
            if split.name == "test" and untrained:
                found.append(
                    f"{plural(len(untrained), 'class', 'classes')} with test images and without a training image, "
                    f"which no model can learn: {', '.join(map(repr, untrained[:5]))}{' …' if untrained[5:] else ''}"
                )
            if split.unreadable:
                found.append(f"{len(split.unreadable):,} {split.name} image(s) cannot be read")
        if self.num_lost:
            found.append(f"{self.num_lost:,} image(s) are decoded in the cache, but their files can no longer be read")
        for each in self.duplicates:
            where = " and ".join(each.splits)
            if len(each.splits) > 1:
                found.append(f"{each.num_images:,} {each.splits[1]} image(s) are also in {each.splits[0]}")
            if each.num_conflicting:
                found.append(f"{each.num_conflicting:,} image(s) are in {where} with different labels")
        return tuple(found)
