"""Folding: assigning a source's images to k folds, each of which is the test set once (k-fold cross-validation).

The fold of an image depends only on the hashes of ids, and not on the order in which a dataset lists its files. A
*draw* gives another deal of folds (repeated cross-validation).
Shape suffixes: N images, G groups, K classes, F folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.splitting import SplitIndices, drawn, hash_ids, whole
from zoo.dataset import Split, Splits
from zoo.errors import DataError

Indices = NDArray[np.int64]


def pool_parts(splits: Splits) -> tuple[dict[str, SplitIndices], list[str]]:
    """Return the images to divide into folds, as the part ``test``, and notes on them.

    These are the source's training and validation images. The source's test split is not used: comparing models by
    folds is a form of selection, after which an untouched test set is useful.

    Raises:
        DataError: If there are duplicate ids, or the two splits cannot be joined.
    """
    notes = []
    pool = whole("train", splits.train)
    if splits.val is not None:
        val = whole("val", splits.val)
        pool = joined(pool, val)
        notes.append(
            f"folds are made from the source's {len(splits.train):,} training and {len(val):,} validation images"
        )
    if splits.test is not None:
        notes.append(
            f"the source's test split of {len(splits.test):,} images is not used: folds are made from the others"
        )
    if len(np.unique(pool.hashes_N)) < len(pool):
        raise DataError("image ids must be unique in a dataset, but some occur twice")
    return {"test": pool}, notes


def fold_of_each(
    labels_N: NDArray[np.int64],
    hashes_N: NDArray[np.uint64],
    folds: int,
    *,
    groups: Sequence[str] | None = None,
    draw: int | None = None,
) -> NDArray[np.int64]:
    """Return the fold of each image, from 0, stratified.

    Without groups, the images are assigned class by class, in the order of their hashes, so that the folds' sizes
    differ by at most one, also within each class. With *groups*, each group goes to the fold where it brings the
    classes nearest to their shares, the largest groups first. With a *draw*, the order is another one; among groups,
    those come first that are twice as large, because the largest would otherwise meet in the same folds every time.

    Raises:
        DataError: If there are fewer images or groups than folds.
    """
    count, what = (len(labels_N), "images") if groups is None else (len(set(groups)), "groups of images")
    if count < folds:
        raise DataError(f"{folds} folds were requested, but there are only {count} {what}")
    if groups is not None:
        return _deal_groups(labels_N, groups, folds, draw)
    fold_N = np.empty(len(labels_N), dtype=np.int64)
    fold_N[np.lexsort((drawn(hashes_N, draw), labels_N))] = np.arange(len(labels_N)) % folds
    return fold_N


def make_fold(
    pool: SplitIndices, fold_N: NDArray[np.int64], fold: int, *, val_fraction: float, draw: int | None = None
) -> dict[str, SplitIndices]:
    """Return the parts ``train``, ``val`` and ``test`` of a fold: the fold is test, and val is carved from the rest.

    Raises:
        DataError: If no validation images can be carved.
    """
    test, rest = pool.select(fold_N == fold), pool.select(fold_N != fold)
    train, val = rest.carve(val_fraction, draw=draw)
    if not len(val):
        raise DataError("no validation images can be taken from train for a fold: each class has one image or group")
    return {"train": train, "val": val, "test": test}


def few_images_note(labels_N: NDArray[np.int64], classes: Sequence[str], folds: int) -> list[str]:
    """Return a note on classes with fewer images than folds."""
    counts_K = np.bincount(labels_N, minlength=len(classes))
    few = [name for name, count in zip(classes, counts_K.tolist(), strict=True) if count < folds]
    if not few:
        return []
    listed = ", ".join(map(repr, few[:5])) + (" …" if few[5:] else "")
    return [f"{len(few):,} class(es) have fewer images than there are folds, so not every fold tests them: {listed}"]


def _deal_groups(labels_N: NDArray[np.int64], groups: Sequence[str], folds: int, draw: int | None) -> NDArray[np.int64]:
    names, group_N = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    counts_GK = np.zeros((len(names), int(labels_N.max()) + 1), dtype=np.int64)
    np.add.at(counts_GK, (group_N, labels_N), 1)
    target_K = counts_GK.sum(axis=0) / folds
    scale_K = np.maximum(target_K, 1e-12)  # avoids division by zero for classes without images
    fold_FK = np.zeros((folds, counts_GK.shape[1]))
    fold_G = np.empty(len(names), dtype=np.int64)
    left = len(names)
    empty = folds
    sizes_G = counts_GK.sum(axis=1)
    if draw is not None:
        sizes_G = np.floor(np.log2(sizes_G)).astype(np.int64)
    for group in np.lexsort((drawn(hash_ids(names.tolist()), draw), -sizes_G)).tolist():
        after_FK = fold_FK + counts_GK[group]
        worse_F = (((after_FK - target_K) ** 2 - (fold_FK - target_K) ** 2) / scale_K).sum(axis=1)
        # When only as many groups are left as there are empty folds, these get them, so that no fold stays empty.
        candidates = [each for each in range(folds) if left > empty or not fold_FK[each].any()]
        fold = min(candidates, key=lambda each: (round(float(worse_F[each]), 9), float(fold_FK[each].sum()), each))
        empty -= not fold_FK[fold].any()
        left -= 1
        fold_FK[fold] = after_FK[fold]
        fold_G[group] = fold
    return fold_G[group_N]


def joined(one: SplitIndices, other: SplitIndices) -> SplitIndices:
    """Return all images of two splits as one.

    Raises:
        DataError: If only one of them has arrays, or these differ in shape.
    """
    first, second = one.source, other.source
    if (first.images is None) != (second.images is None):
        raise DataError(
            "folds and resplit need images of the same kind in all splits, but only one of two splits has arrays"
        )
    joined: dict[str, Any] = {}
    if first.images is not None and second.images is not None:
        if first.images.shape[1:] != second.images.shape[1:]:
            raise DataError(
                "folds and resplit need images of the same shape in all splits, but their arrays differ in shape"
            )
        joined["images"] = np.concatenate([first.images, second.images])
    elif first.encoded is not None and second.encoded is not None:
        joined["encoded"] = Chained(first.encoded, second.encoded)
    has_groups = first.groups is not None or second.groups is not None
    ids = [*one.ids, *other.ids]
    source = Split(
        labels=np.concatenate([first.labels, second.labels]),
        ids=ids,
        # An image without a group is a group by itself.
        groups=[*(first.groups or one.ids), *(second.groups or other.ids)] if has_groups else None,
        **joined,
    )
    return replace(
        one,
        source=source,
        ids=ids,
        hashes_N=np.concatenate([one.hashes_N, other.hashes_N]),
        indices=np.arange(len(source), dtype=np.int64),
    )


class Chained(Sequence[Any]):
    """Two sequences as one, with items read on access."""

    def __init__(self, first: Sequence[Any], second: Sequence[Any]) -> None:
        self._first, self._second = first, second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[each] for each in range(len(self))[index]]
        place = range(len(self))[index]
        return self._first[place] if place < len(self._first) else self._second[place - len(self._first)]
