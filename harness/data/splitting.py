"""Splitting: dividing images into training, validation and test images.

Every choice is based on the SHA-256 of the images' ids, so it is the same for every model, and independent of the order
in which a dataset lists its files. It is the same for every seed, too, unless a *draw* is given (:func:`drawn`). Groups
are chosen by the hash of their names, and never split.
Shape suffixes: N images, K classes.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoo.dataset import Split, Splits
from zoo.errors import DataError
from zoo.text import plural

Indices = NDArray[np.int64]

GROUPED_CHOICE = "by whole groups, in the order of a hash of their names, keeping class shares as equal as groups allow"
"""How images with groups are chosen, for notes."""

STRATIFIED_CHOICE = "by a hash of their ids, stratified by class"
"""How images without groups are chosen, for notes."""

_SMALL_TEST = 100
"""Number of test images below which the interval of an accuracy can be wider than ±10 percentage points."""
_Z = 1.959964
"""Quantile of the normal distribution for a 95 % interval."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SplitIndices:
    """A subset of one of the source's splits."""

    source: Split
    ids: Sequence[str]
    """Ids of all images of the source."""
    hashes_N: NDArray[np.uint64]
    """Hashes of all images of the source; see :func:`hash_ids`."""
    indices: Indices
    """Indices of the subset's images in the source, ascending."""

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Labels of the images of this part, ``[N]``."""
        return np.asarray(self.source.labels[self.indices], dtype=np.int64)

    def _order_inputs(self) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        return self.labels, self.hashes_N[self.indices]

    def first(self, count: int) -> SplitIndices:
        """Return the first *count* images in stratified order."""
        order = stratified_order(*self._order_inputs())
        return replace(self, indices=np.sort(self.indices[order[:count]]))

    def select(self, mask_N: NDArray[np.bool_]) -> SplitIndices:
        """Return the images of this part where *mask_N* is true."""
        return replace(self, indices=self.indices[mask_N])

    @property
    def groups(self) -> list[str] | None:
        """Group of each image of this part; None if the source has no groups."""
        groups = self.source.groups
        return None if groups is None else [groups[i] for i in self.indices]

    def carve(
        self, fraction: float, *, every_class: bool = False, draw: int | None = None
    ) -> tuple[SplitIndices, SplitIndices]:
        """Return the remaining and the carved images; see :func:`carve`."""
        carved = carve(*self._order_inputs(), fraction, every_class=every_class, groups=self.groups, draw=draw)
        return replace(self, indices=self.indices[~carved]), replace(self, indices=self.indices[carved])


def hash_ids(ids: Sequence[str]) -> NDArray[np.uint64]:
    """Return the first 8 bytes of each id's SHA-256, big-endian."""
    digests = b"".join(hashlib.sha256(each.encode("utf-8", "surrogatepass")).digest()[:8] for each in ids)
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


def drawn(hashes: NDArray[np.uint64], draw: int | None) -> NDArray[np.uint64]:
    """Return other hashes for each *draw*, which put images or groups in another order; None: *hashes* as they are."""
    return hashes if draw is None else hash_ids([f"{each:016x} draw {draw}" for each in hashes.tolist()])


def stratified_order(labels_N: NDArray[np.int64], hashes_N: NDArray[np.uint64]) -> Indices:
    """Return all indices in an order in which every prefix has the classes in proportion.

    The image with rank r (by hash, from 0) in a class of n images has position r / n, so a prefix of at least K images
    contains every class, and shorter prefixes are part of longer ones.
    """
    return np.lexsort((hashes_N, _places(labels_N, hashes_N))).astype(np.int64)


def carve(
    labels_N: NDArray[np.int64],
    hashes_N: NDArray[np.uint64],
    fraction: float,
    *,
    groups: Sequence[str] | None = None,
    every_class: bool = False,
    draw: int | None = None,
) -> NDArray[np.bool_]:
    """Return a mask of the images to carve off: *fraction* of them, stratified.

    Every class keeps at least one image, so a class with a single image gives none, and the mask may be empty. With
    *every_class*, each class with several images gives at least one. *groups* are kept together: they are visited in
    the order of their hashes, and a group is taken if that brings the class counts nearer to their targets. With a
    *draw*, other images or groups are carved; see :func:`drawn`.
    """
    if groups is not None:
        return _carve_groups(labels_N, groups, fraction, draw)
    hashes_N = drawn(hashes_N, draw)
    mask = np.zeros(len(labels_N), dtype=np.bool_)
    counts_N = np.bincount(labels_N)[labels_N]
    ranks_N = _ranks(labels_N, hashes_N)
    order = np.lexsort((hashes_N, ranks_N / counts_N))
    candidates = order[(ranks_N < counts_N - 1)[order]]
    wanted = max(1, round(fraction * len(labels_N)))
    if every_class:
        wanted = max(wanted, int((np.bincount(labels_N) > 1).sum()))
    mask[candidates[:wanted]] = True
    return mask


def make_parts(
    splits: Splits,
    *,
    val_fraction: float,
    limit_train: int | None,
    limit_test: int | None,
    unsplit_is_test: bool = False,
) -> tuple[dict[str, SplitIndices], list[str]]:
    """Return the parts ``train``, ``val`` and ``test``, and notes on how they were made.

    A missing test split is carved from train first, then a missing validation split from the rest. Limits are applied
    last: ``limit_train`` counts training and validation images together and keeps their ratio, so that no image moves
    to another split when a limit changes.

    Args:
        splits: The source's own splits.
        val_fraction: Share of the training images that serves as a split that is missing.
        limit_train: Maximum number of training and validation images.
        limit_test: Maximum number of test images.
        unsplit_is_test: Whether every image is a test image if the source has no splits.

    Raises:
        DataError: If ids are duplicated, splits have no class in common, or there are too few images to split.
    """
    notes: list[str] = []
    parts = {
        name: whole(name, split) for name in ("train", "val", "test") if (split := getattr(splits, name)) is not None
    }
    _check_unique(parts)
    if unsplit_is_test and list(parts) == ["train"]:
        return _all_tested(parts["train"], limit_test)
    notes += shared_groups(splits)
    _check_classes_shared(parts, splits.classes)
    for name, every_class in (("test", True), ("val", False)):
        if name not in parts:
            remaining, carved = parts["train"].carve(val_fraction, every_class=every_class)
            if not len(carved):
                raise DataError(
                    f"there is no {name} split, and none can be taken from train: each class has one image or "
                    f"group; add some, or images for {name}"
                )
            grouped = parts["train"].source.groups is not None
            notes.append(
                f"{len(carved):,} of {len(parts['train']):,} training images serve as the {name} split, "
                f"chosen {GROUPED_CHOICE if grouped else STRATIFIED_CHOICE}"
            )
            if name == "test":
                notes += _small_test_note(len(carved))
            parts["train"], parts[name] = remaining, carved
    notes += _limit_train(parts, limit_train)
    if limit_test is not None:
        total = len(parts["test"])
        notes.append(_limit_note("limit_test", limit_test, total, "test"))
        parts["test"] = parts["test"].first(limit_test)
    return parts, notes


def _all_tested(test: SplitIndices, limit_test: int | None) -> tuple[dict[str, SplitIndices], list[str]]:
    """Return all images as test images, with empty other parts."""
    empty = replace(test, indices=np.empty(0, dtype=np.int64))
    notes = [f"all {len(test):,} images are tested, since nothing is trained"]
    if limit_test is not None:
        notes.append(_limit_note("limit_test", limit_test, len(test), "test"))
        test = test.first(limit_test)
    return {"train": empty, "val": empty, "test": test}, notes


def _small_test_note(count: int) -> list[str]:
    """Return a note on the accuracy's wide interval for a small carved test split, with a remedy."""
    if count >= _SMALL_TEST:
        return []
    # Half the width of Wilson's interval at an accuracy of 50 %, where it is widest.
    half = 100 * _Z / (2 * math.sqrt(count + _Z**2))
    return [
        f"the test split has only {plural(count, 'image')}: the 95 % interval of an accuracy is up to "
        f"±{half:.0f} percentage points wide; with --folds 5, every image is tested once"
    ]


def _check_classes_shared(parts: dict[str, SplitIndices], classes: Sequence[str]) -> None:
    """Raise an error if the source's training images have no class in common with its validation or test images."""
    present = {name: set(np.unique(part.labels).tolist()) for name, part in parts.items()}
    for name in ("val", "test"):
        if name in present and not present["train"] & present[name]:
            one, other = (
                ", ".join(repr(classes[label]) for label in sorted(present[each])[:5])
                + (" …" if len(present[each]) > 5 else "")
                for each in ("train", name)
            )
            raise DataError(
                f"the train and {name} splits have no class in common: train has {one}, and {name} has {other}; give "
                f"their classes the same names, or move the images of {name} elsewhere if they have no labels"
            )


def _limit_train(parts: dict[str, SplitIndices], limit: int | None) -> list[str]:
    if limit is None:
        return []
    train, val = parts["train"], parts["val"]
    total = len(train) + len(val)
    if limit < 2:
        raise DataError("limit_train must be at least 2: one image for training and one for validation")
    if limit < total:
        num_val = min(max(1, round(limit * len(val) / total)), limit - 1, len(val))
        num_train = min(limit - num_val, len(train))
        parts["train"], parts["val"] = train.first(num_train), val.first(limit - num_train)
    return [_limit_note("limit_train", limit, total, "training and validation")]


def _limit_note(what: str, limit: int, total: int, purpose: str) -> str:
    if limit >= total:
        return f"{what}: {limit:,} requested, so all {total:,} images for {purpose} are used"
    return f"{what}: {limit:,} of {total:,} images for {purpose} are used, chosen {STRATIFIED_CHOICE}"


def whole(name: str, split: Split) -> SplitIndices:
    """Return all images of a split named *name*."""
    ids = [f"{name}/{index}" for index in range(len(split))] if split.ids is None else split.ids
    return SplitIndices(source=split, ids=ids, hashes_N=hash_ids(ids), indices=np.arange(len(split), dtype=np.int64))


def _check_unique(parts: dict[str, SplitIndices]) -> None:
    if len(np.unique(np.concatenate([part.hashes_N for part in parts.values()]))) == sum(map(len, parts.values())):
        return
    counts = Counter(each for part in parts.values() for each in part.ids)
    repeated, count = counts.most_common(1)[0]
    where = " and ".join(name for name, part in parts.items() if repeated in part.ids)
    raise DataError(f"the image id {repeated!r} occurs {count} times, in {where}; ids must be unique in a dataset")


def shared_groups(splits: Splits) -> list[str]:
    """Return sentences on groups that are in two of the source's own splits, which inflates scores."""
    groups = {
        name: set(split.groups)
        for name in ("train", "val", "test")
        if (split := getattr(splits, name)) is not None and split.groups is not None
    }
    sentences = []
    for first, second in (("train", "test"), ("val", "test"), ("train", "val")):
        shared = len(groups.get(first, set()) & groups.get(second, set()))
        if shared:
            sentences.append(f"{shared:,} group(s) are in both the {first} and the {second} split of the source")
    return sentences


def _ranks(labels_N: NDArray[np.int64], hashes_N: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return each image's rank by hash within its class, from 0."""
    order = np.lexsort((hashes_N, labels_N))
    counts_K = np.bincount(labels_N)
    starts_K = np.cumsum(counts_K) - counts_K
    ranks_N = np.empty(len(labels_N), dtype=np.int64)
    ranks_N[order] = np.arange(len(labels_N)) - starts_K[labels_N[order]]
    return ranks_N


def _places(labels_N: NDArray[np.int64], hashes_N: NDArray[np.uint64]) -> NDArray[np.float64]:
    places: NDArray[np.float64] = _ranks(labels_N, hashes_N) / np.bincount(labels_N)[labels_N]
    return places


def _carve_groups(
    labels_N: NDArray[np.int64], groups: Sequence[str], fraction: float, draw: int | None
) -> NDArray[np.bool_]:
    names, group_N = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    counts_GK = np.zeros((len(names), int(labels_N.max()) + 1), dtype=np.int64)
    np.add.at(counts_GK, (group_N, labels_N), 1)
    total_K = counts_GK.sum(axis=0)
    target_K = total_K * fraction
    taken_K = np.zeros_like(total_K)
    taken = np.zeros(len(names), dtype=np.bool_)
    present = total_K > 0
    order = np.argsort(drawn(hash_ids(names.tolist()), draw), kind="stable")
    best: tuple[float, int] | None = None
    for group in order:
        after_K = taken_K + counts_GK[group]
        if (after_K >= total_K)[present].any():  # a class would have no training images left
            continue
        distance = float(np.abs(target_K - after_K).sum())
        if distance < float(np.abs(target_K - taken_K).sum()):
            taken[group], taken_K = True, after_K
        elif best is None or distance < best[0]:
            best = (distance, int(group))
    if not taken.any() and best is not None:  # every group exceeds the share: take the best match
        taken[best[1]] = True
    return taken[group_N]
