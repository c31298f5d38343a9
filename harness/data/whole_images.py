"""Whole images in the cache: what random resized crops are drawn from, beside the prepared squares.

They are stored once for all networks whose inputs need the same rung, whatever else their preparation says. Decoded
images that would not fit, or exceed the user's limit, stay encoded, and trials decode them in each epoch to the same
pixels.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from filelock import FileLock
from pydantic import ValidationError

from harness.data.cache_layout import FACTS_FILE, lock_of, mark_used, streamed_folder
from harness.data.folding import pool_parts
from harness.data.image_files import decoding, opening
from harness.data.images import PreparedData
from harness.data.photographs import whole
from harness.data.photographs.packed import write_packed
from harness.data.photographs.store import WholeStore
from harness.data.resplitting import resplit_pool
from harness.data.settings import DataSettings, Report
from harness.data.splitting import SplitIndices, make_parts
from harness.data.streaming_index import write_index
from harness.records.spec import DatasetSpec, stable_hash
from harness.system.atomic_files import TEMPORARY_PREFIX, sync_file, sync_folder, write_json
from zoo.dataset import Splits
from zoo.errors import DataError
from zoo.files.plain_files import FACTS, read_bytes
from zoo.files.sizes import size_text
from zoo.names import slug

_SAMPLE = 256
"""Number of images whose headers tell the size of the decoded store."""


def add_whole_images(
    prepared: PreparedData,
    spec: DatasetSpec,
    splits: Splits,
    settings: DataSettings,
    *,
    report: Report,
    num_workers: int | None = None,
) -> PreparedData:
    """Return *prepared* with the whole training images, from the cache if possible.

    It is returned as it is if all images are squares of the prepared size, which are whole already.

    Args:
        prepared: The data of *spec*, in the cache.
        spec: Which images to use, and how to split them.
        splits: The source's images.
        settings: Where data are kept.
        report: Called with the current step, and the share done in [0, 1] if known.
        num_workers: Number of decoding threads; None: one per processor. Does not change the result.

    Raises:
        DataError: If they cannot be decoded any longer, or do not fit and cannot be decoded in each epoch.
        OSError: If they cannot be written.
    """
    part, indices = _images_of(prepared, spec, splits)
    if _are_whole(part, indices, prepared.image_size):
        return prepared
    store = WholeStore(
        folder="",
        split="test" if prepared.selection else "train",
        num_images=len(indices),
        channels=prepared.channels,
        rung=whole.rung_for(prepared.image_size),
        bit_depth=prepared.bit_depth,
    )
    folder = settings.cache / f"{slug(spec.display_name)}-{_key(prepared, store, part, indices)[:20]}"
    with FileLock(lock_of(folder)):
        found = _read(folder) or _read_encoded(folder, part, indices, store, settings)
        if found is None:
            found = _write(folder, store, part, indices, settings, report, spec.display_name, num_workers)
    return prepared.model_copy(update={"whole": found})


def _images_of(prepared: PreparedData, spec: DatasetSpec, splits: Splits) -> tuple[SplitIndices, list[int]]:
    """Return the part of the source that training images come from, and the indices of the prepared ones, in order."""
    if prepared.resplit is not None:
        part, name = resplit_pool(splits, spec)[0], "test"
    elif spec.folds is not None:
        parts, _ = pool_parts(splits)
        part, name = parts["test"], "test"
    else:
        parts, _ = make_parts(
            splits, val_fraction=spec.val_fraction, limit_train=spec.limit_train, limit_test=spec.limit_test
        )
        part, name = parts["train"], "train"
    samples_N = prepared.pool.load(name).samples_N  # type: ignore[arg-type]
    indices = part.indices[np.isin(part.hashes_N[part.indices], samples_N)]
    assert np.array_equal(part.hashes_N[indices], samples_N), "the prepared images are those of the part, in its order"
    return part, indices.tolist()


def _key(prepared: PreparedData, store: WholeStore, part: SplitIndices, indices: list[int]) -> str:
    samples = hashlib.sha256(part.hashes_N[indices].astype("<u8").tobytes()).hexdigest()
    versions = [whole.VERSION, decoding.VERSION, PIL.__version__, *opening.plugin_versions()]
    content = prepared.whole_fingerprint or prepared.fingerprint
    return stable_hash(["whole", versions, content, samples, store.model_dump(mode="json")])


def _are_whole(part: SplitIndices, indices: list[int], side: int) -> bool:
    """Return whether all images are squares of *side* pixels. Most datasets are told by their first images."""
    return all(size == (side, side) for size in _sizes(part, indices))


def _sizes(part: SplitIndices, indices: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the width and height of each image, as far as it can be read."""
    if part.source.images is not None:
        _, height, width, _ = part.source.images.shape
        yield from [(width, height)] * min(1, len(indices))
        return
    assert part.source.encoded is not None
    with opening.quiet_pillow():
        for index in indices:
            try:
                header = decoding.read_header(part.source.encoded[index])
            except opening.UnreadableImageError:  # decoding will report it
                continue
            yield header.width, header.height


def _num_bytes(part: SplitIndices, indices: list[int], store: WholeStore) -> int:
    """Estimate the size of the decoded images from some of them."""
    step = max(1, len(indices) // _SAMPLE)
    areas = []
    for width, height in _sizes(part, indices[::step]):
        share = min(1.0, store.rung / min(width, height))
        areas.append(width * height * share * share)
    return round(sum(areas) / max(1, len(areas)) * len(indices) * store.channels)


def _read(folder: Path) -> WholeStore | None:
    """Return the store in *folder*, or None if it is missing or incomplete."""
    try:
        found = WholeStore.model_validate_json(read_bytes(folder / FACTS_FILE, FACTS))
        found = found.model_copy(update={"folder": str(folder.absolute())})
        if len(found.load()) != found.num_images:
            return None
    except (FileNotFoundError, NotADirectoryError, ValidationError, ValueError, EOFError):
        return None
    mark_used(folder)
    return found


def _read_encoded(
    folder: Path, part: SplitIndices, indices: list[int], store: WholeStore, settings: DataSettings
) -> WholeStore | None:
    """Return a store that was left encoded, unless it can be decoded now, or its files have moved."""
    found = _read(streamed_folder(folder))
    if found is None or not settings.why_not_kept(_num_bytes(part, indices, store)):
        return None
    images = found.load()
    try:
        images[0]
    except Exception:  # moved or changed, which a new index finds out
        return None
    return found


def _write(  # parameters: what add_whole_images has found
    folder: Path,
    store: WholeStore,
    part: SplitIndices,
    indices: list[int],
    settings: DataSettings,
    report: Report,
    title: str,
    num_workers: int | None,
) -> WholeStore:
    """Write the whole images, or their index, to *folder*. The caller holds the lock."""
    num_bytes = _num_bytes(part, indices, store)
    why_not_kept = settings.why_not_kept(num_bytes)
    if why_not_kept and part.source.images is not None:
        raise DataError(
            f"{title}: the whole images that training crops are drawn from do not fit ({why_not_kept}), and arrays "
            "cannot be decoded again in each epoch; free space, raise the limit, or set recipe.random_resized_crop=1"
        )
    target = streamed_folder(folder) if why_not_kept else folder
    prefix = f"{TEMPORARY_PREFIX}{folder.name}-"
    for stale in [*folder.parent.glob(f"{prefix}*"), target]:  # left by a dead process, or damaged
        shutil.rmtree(stale, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    try:
        source: Any = part.source.images if part.source.images is not None else part.source.encoded
        items = (source[index] for index in indices)
        if why_not_kept:
            write_index(temporary, store.split, items)
        else:
            doing = f"{title}: decoding whole training images, {size_text(num_bytes)} in the cache"
            write_packed(
                temporary,
                store.split,
                items,
                channels=store.channels,
                rung=store.rung,
                bit_depth=store.bit_depth,
                report=lambda done: report(doing, done / len(indices)),
                num_workers=num_workers,
            )
        found = store.model_copy(update={"folder": str(target.absolute()), "encoded": bool(why_not_kept)})
        for array in temporary.glob("*.npy"):
            sync_file(array)
        write_json(temporary / FACTS_FILE, found.model_dump(mode="json"))
        os.replace(temporary, target)
    except opening.UnreadableImageError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise DataError(f"{title}: an image could be decoded a moment ago, and now it cannot: {error}") from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(folder.parent)
    return found
