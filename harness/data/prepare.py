"""Preparing data: a dataset is decoded and split once, and kept in the cache for all trials.

If the decoded images would not fit on the disk, or exceed the user's limit, they are read once for their fingerprint
and statistics, and only an index of their files is kept. Trials then decode the images again in each epoch.

Up to 1 % of the training images may be undecodable (see :mod:`~.image_files`); they are left out and listed in
the notes. More than that, or any such image in val or test, is an error that lists them. No image is ever replaced.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from pydantic import ValidationError

from harness.data.cache_key import cache_key
from harness.data.cache_layout import FACTS_FILE, lock_of, mark_used, streamed_folder
from harness.data.fingerprint import fingerprint_of, hash_of_pixels
from harness.data.fold_data import fold_facts_file, write_folds
from harness.data.folding import pool_parts
from harness.data.image_facts import write_facts
from harness.data.image_shape import Shape, Wanted
from harness.data.image_writer import WrittenSplit, read_images, write_images
from harness.data.images import SAMPLE, PreparedData
from harness.data.moments import moments_of_histogram
from harness.data.notes import class_notes, count_notes, depth_notes, duplicate_notes, unreadable_notes
from harness.data.resplitting import add_draw, resplit_pool, settled_split, write_pool
from harness.data.settings import DataSettings, Report
from harness.data.splitting import SplitIndices, make_parts
from harness.data.streaming_index import write_index, write_sample
from harness.data.whole_images import add_whole_images
from harness.records.spec import DatasetSpec
from harness.system.atomic_files import TEMPORARY_PREFIX, sync_file, sync_folder, write_json
from zoo.calling.containment import reported
from zoo.dataset import DataRequest, Dataset, Splits
from zoo.errors import DataError, PluginError
from zoo.files.plain_files import FACTS, read_bytes
from zoo.files.sizes import size_text
from zoo.names import slug


def prepare_data(
    dataset: Dataset,
    spec: DatasetSpec,
    settings: DataSettings,
    *,
    report: Report,
    num_workers: int | None = None,
    wanted: Wanted | None = None,
) -> PreparedData:
    """Return the decoded and split dataset, from the cache if possible.

    The cache is keyed by everything that can change the result: the dataset and its provider's code, argument, options,
    preparation, limits, labels, ids, and the images themselves, by their files' paths, sizes and times or by content.
    Images have one channel if all are stored as grey, otherwise three.

    Args:
        dataset: The source of the images.
        spec: Which images to use, and how to split them.
        settings: Where the dataset comes from, and where it is kept.
        report: Called with the current step, and the share done in [0, 1] if known.
        num_workers: Number of decoding threads; None: one per usable core. Does not change the result.
        wanted: What a network wants of the images; None: what the user asked for in *spec*.

    Raises:
        DataError: If the data cannot be loaded, read, split or written.
        PluginError: If the dataset's code fails.
    """
    splits = load_splits(dataset, spec, settings.request_for(spec, report))
    spec, notes = settled_split(splits, spec)
    prepared = prepare_splits(dataset, spec, splits, settings, report=report, num_workers=num_workers, wanted=wanted)
    if notes:
        prepared = prepared.model_copy(update={"notes": (*prepared.notes, *notes)})
    if wanted is None or not wanted.whole:
        return prepared
    with _reported(spec, settings.cache):
        return add_whole_images(prepared, spec, splits, settings, report=report, num_workers=num_workers)


def prepare_splits(
    dataset: Dataset,
    spec: DatasetSpec,
    splits: Splits,
    settings: DataSettings,
    *,
    report: Report,
    num_workers: int | None = None,
    wanted: Wanted | None = None,
) -> PreparedData:
    """Prepare splits that a dataset has loaded, as in :func:`prepare_data`.

    Raises:
        UnusableImagesError: If images are missing, or unreadable images may not be left out.
        DataError: If the data cannot be split or written.
    """
    cache = settings.cache
    wanted = wanted or Wanted(preparation=spec.asked)
    with _reported(spec, cache):
        prepared = _found_or_made(dataset, spec, splits, wanted, settings, report, num_workers)
        write_facts(Path(prepared.folder), splits)
    hierarchy = splits.hierarchy.ancestors if splits.hierarchy is not None else ()
    return prepared.model_copy(update={"hierarchy": hierarchy})


def _found_or_made(
    dataset: Dataset,
    spec: DatasetSpec,
    splits: Splits,
    wanted: Wanted,
    settings: DataSettings,
    report: Report,
    num_workers: int | None,
) -> PreparedData:
    cache = settings.cache
    key = cache_key(dataset, spec, splits, wanted)
    folder = cache / f"{slug(spec.display_name)}-{key[:20]}"
    cache.mkdir(parents=True, exist_ok=True)
    found = _read(folder, spec)
    if found is not None:
        return found
    lock = FileLock(lock_of(folder))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report(f"{spec.display_name}: waiting for another process that is preparing it", None)
        lock.acquire()
    try:
        found = _read(folder, spec) or _read_streamed(folder, spec, settings)
        if found is not None:
            return found
        if spec.resplit is not None and (drawn := _with_draw(folder, spec, splits, settings)) is not None:
            return drawn
        return _prepare(dataset, spec, splits, wanted, folder, report, num_workers, settings)
    finally:
        lock.release()


@contextmanager
def _reported(spec: DatasetSpec, cache: Path) -> Iterator[None]:
    """Report what the system raises as an error of the data."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno == errno.ENOSPC:
            reason += "; free space there, or choose a smaller image size"
        where = error.filename or cache
        raise DataError(f"{spec.display_name} cannot be prepared in {cache}: {where}: {reason}") from error


def load_splits(dataset: Dataset, spec: DatasetSpec, request: DataRequest) -> Splits:
    """Load a dataset's splits.

    Raises:
        ZooError: If the data cannot be loaded, or the dataset's code fails.
    """
    with reported(f"loading dataset {spec.full_name!r}", f"dataset {spec.full_name!r} failed"):
        splits = dataset.load(request)
    if not isinstance(splits, Splits):
        raise PluginError(f"dataset {spec.full_name!r} loaded {type(splits).__name__}, not Splits")
    return splits


def _read(folder: Path, spec: DatasetSpec) -> PreparedData | None:
    """Return the prepared data in *folder*, or None if they are missing or incomplete."""
    try:
        facts = FACTS_FILE if spec.fold is None else fold_facts_file(spec.fold)
        if spec.resplit is not None:
            facts = f"resplit-{spec.resplit}{'' if spec.fold is None else f'-fold-{spec.fold}'}.json"
        found = PreparedData.model_validate_json(read_bytes(folder / facts, FACTS))
        found = found.model_copy(update={"folder": str(folder.absolute()), "mirror_symmetric": spec.mirror_symmetric})
        side, channels = found.image_size, found.channels
        for name, count in (("train", found.num_train), ("val", found.num_val), ("test", found.num_test)):
            images = found.load(name)  # type: ignore[arg-type]
            whole = images.images_NHWC.shape == (count, side, side, channels)
            if not (whole and len(images.labels_N) == len(images.samples_N) == count):
                return None
    except (FileNotFoundError, NotADirectoryError, ValidationError, ValueError, EOFError):
        return None
    mark_used(folder)
    return found


def _read_streamed(folder: Path, spec: DatasetSpec, settings: DataSettings) -> PreparedData | None:
    """Return data that were prepared without keeping decoded images, unless these can be kept now."""
    found = _read(streamed_folder(folder), spec)
    return found if found is not None and settings.why_not_kept(found.num_bytes) else None


def _with_draw(folder: Path, spec: DatasetSpec, splits: Splits, settings: DataSettings) -> PreparedData | None:
    """Return the data of a draw that is added to images that are there, or None if they are missing or damaged."""
    for held in (folder, streamed_folder(folder)):
        try:
            add_draw(held, splits, spec)
        except (FileNotFoundError, NotADirectoryError, ValueError, EOFError):
            continue
    return _read(folder, spec) or _read_streamed(folder, spec, settings)


def _prepare(
    dataset: Dataset,
    spec: DatasetSpec,
    splits: Splits,
    wanted: Wanted,
    folder: Path,
    report: Report,
    num_workers: int | None,
    settings: DataSettings,
) -> PreparedData:
    """Decode all images into *folder*, or read them once for the streamed folder. The caller holds the lock."""
    title = spec.display_name
    tested_N = np.zeros(0, dtype=np.bool_)
    if spec.resplit is not None:
        parts = {}
        parts["test"], tested_N, notes = resplit_pool(splits, spec)
    elif spec.folds is not None:
        parts, notes = pool_parts(splits)
    else:
        parts, notes = make_parts(
            splits,
            val_fraction=spec.val_fraction,
            limit_train=spec.limit_train,
            limit_test=spec.limit_test,
            unsplit_is_test=spec.unsplit_is_test,
        )
    notes = [*splits.omissions, *splits.notes, *notes, *count_notes(dataset, splits)]
    prefix = f"{TEMPORARY_PREFIX}{folder.name}-"
    for stale in folder.parent.glob(f"{prefix}*"):  # left by a dead process; a live one would hold the lock
        shutil.rmtree(stale)
    shape = Shape.find(dataset, spec, parts, report, wanted)
    notes += shape.notes
    num_bytes = shape.num_bytes * sum(map(len, parts.values()))
    why_not_kept = settings.why_not_kept(num_bytes)
    streamed = bool(why_not_kept)
    doing = f"{title}: decoding images, {size_text(num_bytes)} in the cache"
    if streamed:
        if any(part.source.images is not None for part in parts.values()):
            raise DataError(
                f"{title}: {why_not_kept}, and it has arrays instead of image files, which could be decoded again in "
                "each epoch; free space there, raise the limit, or choose a smaller image size or fewer images"
            )
        folder = streamed_folder(folder)
        notes.append(f"images are decoded again in each epoch: {why_not_kept}")
        doing = f"{title}: reading all images once ({why_not_kept}, so they are decoded again in each epoch)"
    if folder.exists():  # damaged, otherwise it would have been read
        shutil.rmtree(folder)
    temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    try:
        total, done = sum(map(len, parts.values())), 0
        written: dict[str, WrittenSplit] = {}
        for name in ("test", "val", "train"):  # small splits first, so that mistakes are found early
            if name not in parts:  # with folds and draws, all images are stored as test images
                continue
            part, base = parts[name], done

            def report_share(share: float, part: SplitIndices = part, base: int = base) -> None:
                report(doing, (base + share * len(part)) / total)

            how: dict[str, Any] = {
                "channels": shape.channels,
                "preparation": shape.preparation,
                "report": report_share,
                "bit_depth": spec.bit_depth,
                "num_workers": num_workers,
            }
            if streamed:
                written[name] = read_images(part, lambda images_NHWC: None, **how)
            else:
                written[name] = write_images(temporary / f"{name}-images.npy", part, **how)
            notes += unreadable_notes(name, part, written[name])
            done += len(part)
            kept = written[name].kept
            labels = np.asarray(part.source.labels[kept], dtype="<i8")
            samples = part.hashes_N[kept].astype("<u8")
            np.save(temporary / f"{name}-labels.npy", labels)
            np.save(temporary / f"{name}-samples.npy", samples)
            if streamed:
                assert part.source.encoded is not None
                source = part.source.encoded
                write_index(temporary, name, (source[index] for index in kept.tolist()))
            elif name == "test" and part.source.encoded is not None:
                write_sample(temporary, SAMPLE, part.source.encoded, kept.tolist())
        has_training = bool(len(parts.get("train", ())))
        if spec.folds is None and spec.resplit is None and has_training:
            notes += class_notes(splits, parts, written) + duplicate_notes(written)
        notes += depth_notes(written, spec.bit_depth)
        mean, std = moments_of_histogram(written["train" if has_training else "test"].histogram)
        prepared = PreparedData(
            folder=str(folder.absolute()),
            streamed=streamed,
            # That of folds and draws is made with them.
            fingerprint="" if "train" not in parts else fingerprint_of(splits.classes, shape.channels, parts, written),
            pixels=hash_of_pixels(parts, written),
            preparation=shape.preparation,
            classes=splits.classes,
            image_size=shape.size,
            channels=shape.channels,
            bit_depth=spec.bit_depth,
            mean=mean,
            std=std,
            mirror_symmetric=spec.mirror_symmetric,
            num_train=len(written["train"].kept) if "train" in written else 0,
            num_val=len(written["val"].kept) if "val" in written else 0,
            num_test=len(written["test"].kept),
            notes=tuple(notes),
        )
        if spec.resplit is not None:
            pool, images = parts["test"], written["test"]
            prepared = write_pool(temporary, pool, splits, images, prepared, spec=spec, tested_N=tested_N)
        elif spec.folds is not None:
            prepared = write_folds(
                temporary,
                parts["test"],
                splits,
                written["test"],
                prepared,
                folds=spec.folds,
                val_fraction=spec.val_fraction,
            )
        # Sync before the rename, which marks the data as complete even after a power loss.
        for array in temporary.glob("*.npy"):
            sync_file(array)
        write_json(temporary / FACTS_FILE, prepared.model_dump(mode="json"))
        os.replace(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(folder.parent)
    if spec.resplit is not None:
        add_draw(folder, splits, spec)
    elif spec.folds is None:
        return prepared
    found = _read(folder, spec)
    assert found is not None, "it has just been written"
    return found
