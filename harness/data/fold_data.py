"""Fold data: the cached files of a dataset in folds. All images are stored once, and the training, validation and test
images of each fold are indices into them.

Shape suffixes: N images, H height, W width, C channels.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.data.fingerprint import pool_fingerprint
from harness.data.folding import few_images_note, fold_of_each, make_fold
from harness.data.image_writer import WrittenSplit
from harness.data.images import PreparedData
from harness.data.moments import moments_of_sums, sum_images
from harness.data.splitting import SplitIndices
from harness.system.atomic_files import write_json
from zoo.dataset import Splits

GROUPED_FOLDS = "by whole groups, the largest first, keeping class shares as equal as groups allow"
"""How images with groups are assigned to folds, for notes."""


def fold_facts_file(fold: int | Literal["*"]) -> str:
    """Return the name of the file that describes a fold, or a pattern for all folds."""
    return f"fold-{fold}.json"


def copies_note(written: WrittenSplit, fold_N: NDArray[np.int64]) -> list[str]:
    """Return a note on images that have a copy in another fold, which inflates scores."""
    folds_of: dict[bytes, set[int]] = {}
    for pixels, fold in zip(written.pixel_hashes, fold_N.tolist(), strict=True):
        folds_of.setdefault(pixels, set()).add(fold)
    count = sum(len(folds_of[pixels]) > 1 for pixels in written.pixel_hashes)
    return (
        [f"{count:,} of {len(fold_N):,} images have an identical copy in another fold (compared by pixels)"]
        if count
        else []
    )


def write_folds(
    folder: Path,
    pool: SplitIndices,
    splits: Splits,
    written: WrittenSplit,
    whole: PreparedData,
    *,
    folds: int,
    val_fraction: float,
) -> PreparedData:
    """Write the training, validation and test images of each fold, as indices into the images of *pool*.

    Args:
        folder: Folder of the images, which are those of the split ``test``.
        pool: All images.
        splits: The source's splits, for its classes.
        written: The outcome of writing the images.
        whole: Description of all images, still without fingerprint, mean and standard deviation.

    Returns:
        The complete description of all images, in which every image is a test image.
    """
    groups = pool.source.groups
    fold_N = fold_of_each(pool.labels, pool.hashes_N, folds, groups=groups)
    places = {
        fold: {
            # Sort by hash, so that batches do not depend on the order in which files are listed.
            name: part.indices[np.argsort(part.hashes_N[part.indices], kind="stable")]
            for name, part in make_fold(pool, fold_N, fold - 1, val_fraction=val_fraction).items()
        }
        for fold in range(1, folds + 1)
    }
    notes = [
        *whole.notes,
        f"{folds} folds, {'stratified, by a hash of ids' if groups is None else GROUPED_FOLDS}: each of the "
        f"{len(pool):,} images is tested once for each seed, by a network that was not trained on it",
        *few_images_note(pool.labels, splits.classes, folds),
        *copies_note(written, fold_N),
    ]
    fingerprint = pool_fingerprint(splits.classes, whole.channels, pool, written, places.items())
    sums_NC, squares_NC = sum_images(whole.model_copy(update={"folder": str(folder)}).load("test").images_NHWC)
    pixels = whole.image_size**2
    whole = whole.model_copy(update={"fingerprint": fingerprint, "notes": tuple(notes)})
    mean, std = moments_of_sums(sums_NC, squares_NC, pixels)
    whole = whole.model_copy(update={"mean": mean, "std": std})
    for fold, parts in places.items():
        for name, indices in parts.items():
            np.save(folder / f"fold-{fold}-{name}.npy", indices)
        mean, std = moments_of_sums(sums_NC[parts["train"]], squares_NC[parts["train"]], pixels)
        facts = {
            "fold": fold,
            "fingerprint": hashlib.sha256(f"{fingerprint} fold {fold}".encode()).hexdigest(),
            "whole_fingerprint": fingerprint,
            **{f"num_{name}": len(indices) for name, indices in parts.items()},
            "mean": mean,
            "std": std,
        }
        write_json(folder / fold_facts_file(fold), whole.model_copy(update=facts).model_dump(mode="json"))
    return whole
