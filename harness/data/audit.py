"""Audits: what a dataset holds and what is wrong with it, as plain data. :mod:`harness.data.auditing` makes them."""

from __future__ import annotations

from typing import Literal

from harness.data.duplicates import Duplicates
from harness.data.native_sizes import NativeSizes
from harness.records.spec import FrozenModel


class UnreadableImage(FrozenModel):
    """An image that cannot be decoded."""

    id: str
    path: str | None
    """Its file, if it has one of its own."""
    reason: str


class SplitAudit(FrozenModel):
    """One split."""

    name: str
    carved_from: str | None
    """The source's split that it was carved from; None: the source's own split of that name."""
    num_images: int
    """Images that can be read."""
    counts: tuple[int, ...]
    """Number of these in each class."""
    imbalance: float | None
    """Size of the largest class divided by that of the smallest, of those with images; None without images."""
    absent: tuple[str, ...]
    """Classes without an image."""
    unreadable: tuple[UnreadableImage, ...]
    unreadable_outcome: Literal["", "left out", "error"]
    """Consequence of unreadable images: left out of training, or an error that keeps the dataset from being used."""


class DatasetAudit(FrozenModel):
    """A dataset's images, and what is wrong with them."""

    name: str
    full_name: str
    provider: str
    source: str
    """The paper or page it comes from; empty where none is stated."""
    fingerprint: str | None
    """As in the records of trials with the same settings; None where the dataset cannot be prepared."""
    classes: tuple[str, ...]
    image_size: int
    """Side in pixels of the prepared images."""
    channels: int
    mean: tuple[float, ...] | None
    """Per channel, of the readable training pixels scaled to [0, 1]."""
    std: tuple[float, ...] | None
    native_sizes: NativeSizes | None
    """None without readable images."""
    splits: tuple[SplitAudit, ...]
    duplicates: tuple[Duplicates, ...]
    num_lost: int
    """Images that are decoded in the cache, but whose files have become unreadable since, at the same size and time."""
    omissions: tuple[str, ...]
    """Sentences on images that are there and in no split."""
    notes: tuple[str, ...]
    error: str
    """Why the dataset cannot be used; empty where it can."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences on what is wrong: images left out or unreadable, leaks between splits, conflicting labels."""
        found = list(self.omissions)
        for split in self.splits:
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
