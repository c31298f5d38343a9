"""Auditing: finding the problems of a dataset, even if it cannot be used for training. Does not import torch.

If possible, the prepared images are read, so that an audit is about the pixels that models see. If unreadable images
prevent the preparation, all other images are decoded, and the audit reports the obstacle.
Shape suffixes: N images, K classes, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.data.audits.audit import DatasetAudit, SplitAudit, UnreadableImage
from harness.data.audits.duplicates import SPLITS, HashedImage, find_duplicates
from harness.data.audits.native_sizes import measure_sizes
from harness.data.audits.preparation_effect import effect_of
from harness.data.image_files import decoding, opening
from harness.data.image_shape import Shape, Wanted
from harness.data.image_writer import Unreadable, decoded_chunks, hash_pixels
from harness.data.images import PreparedData
from harness.data.moments import moments_of_histogram
from harness.data.notes import UnusableImagesError, count_notes
from harness.data.prepare import load_splits, prepare_splits
from harness.data.settings import DataSettings, Report
from harness.data.splitting import SplitIndices, make_parts, shared_groups
from harness.records.spec import DatasetSpec
from zoo.dataset import Dataset, Splits
from zoo.preparation import Preparation

_BATCH = 256


@dataclass(kw_only=True, slots=True, eq=False)
class _Readable:
    """The readable and unreadable images of a part."""

    indices: list[int] = field(default_factory=list)
    """Indices in the source."""
    pixel_hashes: list[bytes] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Content:
    """The content of the images."""

    readable: dict[str, _Readable]
    preparation: Preparation
    channels: int
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    fingerprint: str | None = None
    notes: tuple[str, ...] = ()
    error: str = ""


def audit_dataset(
    dataset: Dataset,
    spec: DatasetSpec,
    settings: DataSettings,
    *,
    report: Report,
    num_workers: int | None = None,
) -> DatasetAudit:
    """Read a dataset and return its audit.

    The dataset is prepared in the process, as in a bench, and stays in the cache. The arguments are those of
    :func:`harness.data.prepare.prepare_data`.

    Raises:
        ZooError: If the data cannot be loaded, split or written. Missing and unreadable images are not errors, but
            reported in the audit.
    """
    splits = load_splits(dataset, spec, settings.request_for(spec, report))
    parts, notes = make_parts(
        splits, val_fraction=spec.val_fraction, limit_train=spec.limit_train, limit_test=spec.limit_test
    )
    try:
        prepared = prepare_splits(dataset, spec, splits, settings, report=report, num_workers=num_workers)
    except UnusableImagesError as error:
        notes = [*splits.omissions, *splits.notes, *notes, *count_notes(dataset, splits)]
        content = _from_source(dataset, spec, parts, notes, str(error), report, num_workers)
    else:
        content = _from_prepared(prepared, parts, report, spec.display_name)
    readable = content.readable
    sizes, counts, num_lost = measure_sizes(
        {name: (parts[name], readable[name].indices) for name in SPLITS}, report, spec.display_name
    )
    leaking = tuple(shared_groups(splits))
    report(f"{spec.display_name}: looking for duplicates", None)
    return DatasetAudit(
        name=spec.display_name,
        full_name=spec.full_name,
        provider=" ".join(filter(None, (spec.provider.distribution or spec.provider.plugin, spec.provider.version))),
        source=dataset.source,
        fingerprint=content.fingerprint,
        classes=splits.classes,
        image_size=content.preparation.size or 0,
        channels=content.channels,
        mean=content.mean,
        std=content.std,
        native_sizes=sizes,
        effect=effect_of(counts, content.preparation) if counts else None,
        splits=tuple(
            _audit_split(
                name,
                parts[name],
                readable[name],
                splits.classes,
                carved_from=None if getattr(splits, name) is not None else "train",
                outcome="left out" if name == "train" and not content.error else "error",
            )
            for name in SPLITS
        ),
        duplicates=find_duplicates(
            {name: list(_hashed(parts[name], readable[name])) for name in SPLITS}, splits.classes
        ),
        num_lost=num_lost,
        num_groups=_num_groups(splits),
        shared_groups=leaking,
        omissions=splits.omissions,
        notes=tuple(each for each in content.notes if each not in (*splits.omissions, *leaking)),
        error=content.error,
    )


def _num_groups(splits: Splits) -> int | None:
    groups = [split.groups for split in (splits.train, splits.val, splits.test) if split is not None]
    if all(each is None for each in groups):
        return None
    return len({name for each in groups for name in each or ()})


def _from_prepared(prepared: PreparedData, parts: dict[str, SplitIndices], report: Report, title: str) -> _Content:
    readable = {}
    for name in SPLITS:
        part, images = parts[name], prepared.load(name)  # type: ignore[arg-type]
        is_kept = np.isin(part.hashes_N[part.indices], images.samples_N)
        assert is_kept.sum() == len(images), "prepared images are those of the parts without the unreadable ones"
        hashes: list[bytes] = []
        for start in range(0, len(images), _BATCH):
            report(f"{title}: reading the {name} images", start / len(images))
            hashes += hash_pixels(np.ascontiguousarray(images.images_NHWC[start : start + _BATCH]))
        left_out = [int(index) for index in part.indices[~is_kept]]
        readable[name] = _Readable(
            indices=part.indices[is_kept].tolist(),
            pixel_hashes=hashes,
            unreadable=[Unreadable(index=index, reason=_why_unreadable(part, index, prepared)) for index in left_out],
        )
    return _Content(
        readable=readable,
        preparation=prepared.view,
        channels=prepared.channels,
        mean=prepared.mean,
        std=prepared.std,
        fingerprint=prepared.fingerprint,
        notes=prepared.notes,
    )


def _why_unreadable(part: SplitIndices, index: int, prepared: PreparedData) -> str:
    assert part.source.encoded is not None  # an array's images can always be read
    try:
        with opening.quiet_pillow():
            decoding.decode(
                part.source.encoded[index],
                channels=prepared.channels,
                preparation=prepared.view,
                bit_depth=prepared.bit_depth,
            )
    except opening.UnreadableImageError as error:
        return str(error)
    return "it could not be read when the dataset was prepared, and now it can"


def _from_source(
    dataset: Dataset,
    spec: DatasetSpec,
    parts: dict[str, SplitIndices],
    notes: list[str],
    error: str,
    report: Report,
    num_workers: int | None,
) -> _Content:
    """Decode every readable image without writing anything."""
    shape = Shape.find(dataset, spec, parts, report, Wanted(preparation=spec.asked))
    readable = {name: _Readable() for name in SPLITS}
    histogram = np.zeros((shape.channels, 256), dtype=np.int64)
    for name, found in readable.items():
        part, done = parts[name], 0
        for chunk in decoded_chunks(
            part,
            channels=shape.channels,
            preparation=shape.preparation,
            bit_depth=spec.bit_depth,
            num_workers=num_workers,
        ):
            found.indices += chunk.kept
            found.pixel_hashes += chunk.pixel_hashes
            found.unreadable += chunk.unreadable
            if name == "train":
                histogram += chunk.histogram
            done += len(chunk.kept) + len(chunk.unreadable)
            report(f"{spec.display_name}: reading the {name} images", done / len(part))
    mean, std = moments_of_histogram(histogram) if histogram.any() else (None, None)
    return _Content(
        readable=readable,
        preparation=shape.preparation,
        channels=shape.channels,
        mean=mean,
        std=std,
        notes=(*notes, *shape.notes),
        error=error,
    )


def _audit_split(
    name: str,
    part: SplitIndices,
    readable: _Readable,
    classes: tuple[str, ...],
    *,
    carved_from: str | None,
    outcome: Literal["left out", "error"],
) -> SplitAudit:
    counts_K = np.bincount(_labels(part, readable), minlength=len(classes))
    present = counts_K[counts_K > 0]
    return SplitAudit(
        name=name,
        carved_from=carved_from,
        num_images=len(readable.indices),
        counts=tuple(counts_K.tolist()),
        imbalance=float(present.max() / present.min()) if len(present) else None,
        absent=tuple(label for label, count in zip(classes, counts_K, strict=True) if not count),
        unreadable=tuple(_unreadable_image(part, each) for each in readable.unreadable),
        unreadable_outcome=outcome if readable.unreadable else "",
    )


def _unreadable_image(part: SplitIndices, unreadable: Unreadable) -> UnreadableImage:
    item = part.source.encoded[unreadable.index] if part.source.encoded is not None else None
    path = str(item) if isinstance(item, Path) else None
    return UnreadableImage(id=part.ids[unreadable.index], path=path, reason=unreadable.reason)


def _labels(part: SplitIndices, readable: _Readable) -> NDArray[np.int64]:
    return np.asarray(part.source.labels[readable.indices], dtype=np.int64)


def _hashed(part: SplitIndices, readable: _Readable) -> Iterable[HashedImage]:
    labels = _labels(part, readable).tolist()
    for index, label, pixel_hash in zip(readable.indices, labels, readable.pixel_hashes, strict=True):
        yield HashedImage(id=part.ids[index], label=label, pixel_hash=pixel_hash)
