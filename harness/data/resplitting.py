"""Resplitting: a validation split or a deal of folds for each seed, so that their luck shows between seeds.

All images are stored once, as those of the split ``test``, like those of folds (:mod:`harness.data.fold_data`). The
training, validation and test images of a draw are indices into them, written when the first trial of its seed asks for
them. Test images are the same for every draw, unless there are folds.

That the validation split is one of the sources of variance that a comparison should draw anew is due to Bouthillier and
others, "Accounting for variance in machine learning benchmarks", MLSys 2021. Shape suffixes: N images, C channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.array_files import load_array
from harness.data.cache_layout import FACTS_FILE
from harness.data.fingerprint import pool_fingerprint
from harness.data.fold_data import GROUPED_FOLDS
from harness.data.folding import few_images_note, fold_of_each, joined, make_fold, pool_parts
from harness.data.image_writer import WrittenSplit
from harness.data.images import PreparedData
from harness.data.moments import moments_of_sums, sum_images
from harness.data.notes import class_notes, duplicate_notes
from harness.data.splitting import GROUPED_CHOICE, STRATIFIED_CHOICE, SplitIndices, make_parts
from harness.records.spec import DatasetSpec
from harness.system.atomic_files import write_atomically, write_json
from zoo.dataset import Splits
from zoo.errors import DataError

Places = NDArray[np.int64]

_SUMS_FILE = "pool-sums.npy"
"""Sum, and sum of squares, of each image's values by channel, ``[2, N, C]``."""


def is_redrawn(splits: Splits, spec: DatasetSpec) -> bool:
    """Tell whether seeds have splits of their own; without folds, a source's own validation split is everyone's."""
    return spec.resplit is not None and (spec.folds is not None or splits.val is None)


def settled_split(splits: Splits, spec: DatasetSpec) -> tuple[DatasetSpec, list[str]]:
    """Return the spec without ``resplit`` if there is nothing to draw, and a note that says so."""
    if spec.resplit is None or is_redrawn(splits, spec):
        return spec, []
    note = f"the source has a validation split of its own ({len(splits.val or ()):,} images), so all seeds share it"
    return spec.model_copy(update={"resplit": None}), [note]


def resplit_pool(splits: Splits, spec: DatasetSpec) -> tuple[SplitIndices, NDArray[np.bool_], list[str]]:
    """Return all images to draw from and to test on, which of them are always tested, and notes.

    With folds, none is always tested. Without them, the test images are those of every bench of the dataset, and limits
    choose the same images as there.

    Raises:
        DataError: If the images cannot be split, or two splits cannot be joined.
    """
    if spec.folds is not None:
        parts, notes = pool_parts(splits)
        pool = parts["test"]
        return pool, np.zeros(len(pool), dtype=np.bool_), notes
    parts, notes = make_parts(
        splits, val_fraction=spec.val_fraction, limit_train=spec.limit_train, limit_test=spec.limit_test
    )
    notes = [note for note in notes if "serve as the val split" not in note]  # it is that of no seed
    train, test = parts["train"], parts["test"]
    learnt = np.concatenate([train.indices, parts["val"].indices])
    if test.source is train.source:
        tested, pool = test.indices, train
    else:
        pool, tested = joined(train, test), test.indices + len(train.source)
    indices = np.sort(np.concatenate([learnt, tested]))
    return replace(pool, indices=indices), np.isin(indices, tested), notes


def draw_parts(
    pool: SplitIndices, tested_N: NDArray[np.bool_], spec: DatasetSpec
) -> dict[int | None, dict[str, SplitIndices]]:
    """Return the parts ``train``, ``val`` and ``test`` of the draw of a spec, or of each of its folds, by number.

    Raises:
        DataError: If no validation images can be carved, or there are fewer images or groups than folds.
    """
    draw = spec.resplit
    if spec.folds is not None:
        fold_N = fold_of_each(pool.labels, pool.hashes_N[pool.indices], spec.folds, groups=pool.groups, draw=draw)
        how = {"val_fraction": spec.val_fraction, "draw": draw}
        return {fold + 1: make_fold(pool, fold_N, fold, **how) for fold in range(spec.folds)}  # type: ignore[arg-type]
    train, val = pool.select(~tested_N).carve(spec.val_fraction, draw=draw)
    if not len(val):
        raise DataError("there is no val split, and none can be taken from train: each class has one image or group")
    return {None: {"train": train, "val": val, "test": pool.select(tested_N)}}


def write_pool(
    folder: Path,
    pool: SplitIndices,
    splits: Splits,
    written: WrittenSplit,
    whole: PreparedData,
    *,
    spec: DatasetSpec,
    tested_N: NDArray[np.bool_],
) -> PreparedData:
    """Complete the description of all images, for draws to be added to by :func:`add_draw`.

    Args:
        folder: Folder of the images, which are those of the split ``test``.
        pool: All images.
        splits: The source's splits, for its classes.
        written: The outcome of writing the images.
        whole: Description of all images, still without fingerprint, mean and standard deviation.
        spec: How they are drawn.
        tested_N: Which images are always tested.
    """
    how = f"{spec.folds} folds" if spec.folds is not None else "validation"
    places = {"test": pool.indices[tested_N]} if spec.folds is None else {}
    content = pool_fingerprint(splits.classes, whole.channels, pool, written, [(0, places)])
    fingerprint = hashlib.sha256(f"{content} resplit {how} {spec.val_fraction!r}".encode()).hexdigest()
    sums_NC, squares_NC = sum_images(whole.model_copy(update={"folder": str(folder)}).load("test").images_NHWC)
    np.save(folder / _SUMS_FILE, np.stack([sums_NC, squares_NC]))
    mean, std = moments_of_sums(sums_NC, squares_NC, whole.image_size**2)
    notes = [*whole.notes, *_how_drawn(pool, splits, spec, int(tested_N.sum()))]
    if spec.folds is None:
        seen = {"train": _subset(written, ~tested_N), "val": _subset(written, tested_N[:0])}
        notes += duplicate_notes({**seen, "test": _subset(written, tested_N)})
    else:
        notes += few_images_note(pool.labels, splits.classes, spec.folds)
    return whole.model_copy(update={"fingerprint": fingerprint, "mean": mean, "std": std, "notes": tuple(notes)})


def _how_drawn(pool: SplitIndices, splits: Splits, spec: DatasetSpec, num_tested: int) -> list[str]:
    grouped = pool.source.groups is not None
    if spec.folds is not None:
        deal = GROUPED_FOLDS if grouped else "stratified, by a hash of ids and seed"
        return [
            f"{spec.folds} folds, dealt anew for each seed ({deal}): each of the {len(pool):,} images is tested once "
            "for each seed, by a network that was not trained on it"
        ]
    choice = GROUPED_CHOICE if grouped else STRATIFIED_CHOICE
    return [
        f"each seed has a validation split of its own, {100 * spec.val_fraction:g} % of {len(pool) - num_tested:,} "
        f"training images, chosen {choice.replace('hash of their', 'hash of the seed and their')}"
    ]


def _subset(written: WrittenSplit, mask_N: NDArray[np.bool_]) -> WrittenSplit:
    places = np.flatnonzero(mask_N)
    hashes = [written.pixel_hashes[place] for place in places.tolist()]
    return WrittenSplit(kept=written.kept[places], pixel_hashes=hashes, histogram=written.histogram)


def add_draw(folder: Path, splits: Splits, spec: DatasetSpec) -> None:
    """Write the splits of a draw, all its folds included, beside the images that :func:`write_pool` has described.

    The caller holds the folder's lock.

    Raises:
        DataError: As :func:`draw_parts`.
        OSError: If the folder cannot be read or written.
    """
    whole = PreparedData.model_validate_json((folder / FACTS_FILE).read_bytes())
    whole = whole.model_copy(update={"folder": str(folder.absolute())})
    sums_NC, squares_NC = load_array(folder / _SUMS_FILE)
    pool, tested_N, _ = resplit_pool(splits, spec)
    place_of = np.full(len(pool.source), -1, dtype=np.int64)
    place_of[pool.indices] = np.arange(len(pool))
    for fold, parts in draw_parts(pool, tested_N, spec).items():
        # Sorted by hash, so that batches do not depend on the order in which files are listed.
        places: Mapping[str, Places] = {
            name: place_of[part.indices[np.argsort(part.hashes_N[part.indices], kind="stable")]]
            for name, part in parts.items()
        }
        mean, std = moments_of_sums(sums_NC[places["train"]], squares_NC[places["train"]], whole.image_size**2)
        facts: dict[str, Any] = {
            "fold": fold,
            "resplit": spec.resplit,
            **{f"num_{name}": len(indices) for name, indices in places.items()},
            "mean": mean,
            "std": std,
        }
        if fold is not None:
            name = f"{whole.fingerprint} resplit {spec.resplit} fold {fold}"
            facts["whole_fingerprint"] = whole.fingerprint
            facts["fingerprint"] = hashlib.sha256(name.encode()).hexdigest()
        else:  # every seed is tested on the same images, which are some of those that *whole* describes
            facts["fingerprint"] = hashlib.sha256(f"{whole.fingerprint} drawn".encode()).hexdigest()
        drawn = whole.model_copy(update=facts)
        if fold is None:
            absent = class_notes(splits, parts, {name: _written(part) for name, part in parts.items()})
            drawn = drawn.model_copy(update={"notes": (*drawn.notes, *absent)})
        for name, indices in places.items():
            write_atomically(folder / f"{drawn.selection}-{name}.npy", partial(_save, indices))
        write_json(folder / f"{drawn.selection}.json", drawn.model_dump(mode="json"))


def _written(part: SplitIndices) -> WrittenSplit:
    return WrittenSplit(kept=part.indices, histogram=np.zeros((1, 256), dtype=np.int64))


def _save(indices: Places, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, indices)
