"""Sources: the images of a further test set, and which of them there are before any is decoded.

Shape suffixes: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.array_files import load_array
from harness.data.corruptions.corruption import Corruption, corrupt
from harness.data.folding import pool_parts
from harness.data.image_facts import load_facts, save_facts
from harness.data.image_writer import hash_content, write_images
from harness.data.images import ImageSet
from harness.data.notes import unreadable_notes
from harness.data.prepare import load_splits
from harness.data.settings import DataSettings
from harness.data.splitting import SplitIndices, hash_ids, whole
from harness.records.spec import DatasetSpec, FrozenModel, stable_hash
from zoo.catalog import Catalog
from zoo.dataset import Split, Splits
from zoo.errors import DataError
from zoo.files.plain_files import FACTS, read_bytes
from zoo.preparation import Preparation

_KEPT_IN_MEMORY, _KEPT_BYTES = 2**28, 2**32
"""Sizes up to which corrupted images are kept for the other trials of a bench: of one set, and of all."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FurtherImages:
    """The images of another dataset that a trial can be tested on."""

    part: SplitIndices
    classes: tuple[str, ...]
    is_test_split: bool = True
    """Whether the dataset has a test split, so that these are not all its images."""


class KnownSet(FrozenModel):
    """What is known of the images of another dataset before they are decoded."""

    classes: tuple[str, ...]
    fingerprint: str
    """SHA-256 over classes, images as they are stored, labels and sample ids."""
    num_images: int


def load_further(spec: DatasetSpec, catalog: Catalog, settings: DataSettings) -> FurtherImages:
    """Return the test split of a dataset, or all its images if it has none: no network was trained on them.

    Raises:
        ZooError: If it cannot be loaded.
    """
    splits = _splits_of(spec, catalog, settings)
    part = whole("test", splits.test) if splits.test is not None else pool_parts(splits)[0]["test"]
    if spec.limit_test is not None:
        part = part.first(spec.limit_test)
    return FurtherImages(part=part, classes=splits.classes, is_test_split=splits.test is not None)


def _splits_of(spec: DatasetSpec, catalog: Catalog, settings: DataSettings) -> Splits:
    entry = catalog.datasets.get(spec.full_name)
    return load_splits(entry.record, spec, settings.request_for(spec, lambda message, share: None))


def known_set(images: FurtherImages) -> KnownSet:
    """Return what is known of images, all of which are read once.

    Raises:
        DataError: If a file cannot be read.
    """
    part = images.part
    source = part.source.images if part.source.images is not None else part.source.encoded
    assert source is not None
    digest = hashlib.sha256(repr(images.classes).encode())
    for index in part.indices.tolist():
        try:
            digest.update(hash_content(source[index]))
        except OSError as error:
            raise DataError(f"{part.ids[index]} cannot be read: {error.strerror or error}") from error
    digest.update(part.labels.astype("<i8").tobytes() + part.hashes_N[part.indices].astype("<u8").tobytes())
    return KnownSet(classes=images.classes, fingerprint=digest.hexdigest(), num_images=len(part))


def slices_of(spec: DatasetSpec, catalog: Catalog, settings: DataSettings) -> dict[str, NDArray[np.uint64]]:
    """Return the hashed ids of the images in each slice that a dataset names, over all its splits.

    Raises:
        DataError: If it names none.
        ZooError: If it cannot be loaded.
    """
    splits = _splits_of(spec, catalog, settings)
    members: dict[str, list[NDArray[np.uint64]]] = {}
    for name in ("train", "val", "test"):
        split: Split | None = getattr(splits, name)
        if split is None or split.slices is None:
            continue
        ids = [f"{name}/{index}" for index in range(len(split))] if split.ids is None else split.ids
        hashes_N, slices_N = hash_ids(ids), np.array(split.slices, dtype=object)
        for each in sorted(set(split.slices) - {""}):
            members.setdefault(each, []).append(hashes_N[slices_N == each])
    if not members:
        raise DataError(
            f"test_also slices: {spec.display_name} has no slices; csv:PATH has them in a column called slice"
        )
    return {name: np.concatenate(parts) for name, parts in sorted(members.items())}


def digest_of_slice(samples_N: NDArray[np.uint64]) -> str:
    """Return a hash of the images in a slice, whatever their order."""
    return hashlib.sha256(np.sort(samples_N).astype("<u8").tobytes()).hexdigest()


def prepared_images(  # parameters: those of the preparation, and where it is kept
    spec: DatasetSpec,
    catalog: Catalog,
    settings: DataSettings,
    *,
    preparation: Preparation,
    channels: int,
    bit_depth: int | None,
    kept_in: Path,
) -> tuple[ImageSet, tuple[str, ...], dict[str, Any]]:
    """Return the images of another dataset as a network wants them, the classes that their labels refer to, and facts.

    They are decoded once into *kept_in*, where later calls find them.

    Raises:
        DataError: If one cannot be read: an evaluation must include all images.
        ZooError: If the dataset cannot be loaded.
    """
    key = stable_hash([spec.model_dump(mode="json"), repr(preparation.view), channels, bit_depth])
    folder = kept_in / f"set-{key[:20]}"
    facts = folder / "classes.json"
    if not facts.exists():
        images = load_further(spec, catalog, settings)
        folder.mkdir(parents=True, exist_ok=True)
        written = write_images(
            folder / "images.npy",
            images.part,
            channels=channels,
            preparation=preparation,
            report=lambda share: None,
            bit_depth=bit_depth,
        )
        unreadable_notes("test", images.part, written)
        np.save(folder / "labels.npy", np.asarray(images.part.source.labels[written.kept], dtype=np.int64))
        np.save(folder / "samples.npy", images.part.hashes_N[written.kept].astype(np.uint64))
        kept, groups = written.kept.tolist(), images.part.source.groups
        hashes_N = None if groups is None else hash_ids([groups[index] for index in kept])
        save_facts(folder, "test", [images.part.ids[index] for index in kept], hashes_N)
        facts.write_text(json.dumps(images.classes))
    return (
        ImageSet(
            images_NHWC=load_array(folder / "images.npy", mapped=True),
            labels_N=load_array(folder / "labels.npy"),
            samples_N=load_array(folder / "samples.npy"),
        ),
        tuple(json.loads(read_bytes(facts, FACTS))),
        load_facts(folder, "test"),
    )


def corrupted_chunks(
    images: ImageSet, corruption: Corruption, severity: int, *, chunk: int, kept_as: Path | None = None
) -> Iterator[ImageSet]:
    """Yield corrupted images, *chunk* at a time, in order.

    Args:
        images: The images as they are.
        corruption: What to do to them.
        severity: From 0 to 5.
        chunk: Images at a time.
        kept_as: File that the corrupted images are kept in if there is room, and read from if they are there.
    """
    kept = _kept(kept_as)
    made: list[NDArray[np.uint8]] = []
    keeps = kept is None and kept_as is not None and severity > 0 and _has_room(kept_as, images.images_NHWC.nbytes)
    for start in range(0, len(images), chunk):
        place = slice(start, start + chunk)
        samples_N = images.samples_N[place]
        if kept is not None:
            corrupted_NHWC = np.asarray(kept[place])
        else:
            corrupted_NHWC = corrupt(np.asarray(images.images_NHWC[place]), samples_N, corruption, severity)
            made += [corrupted_NHWC] if keeps else []
        yield ImageSet(images_NHWC=corrupted_NHWC, labels_N=images.labels_N[place], samples_N=samples_N)
    if keeps and kept_as is not None:
        temporary = kept_as.with_suffix(".part")
        with temporary.open("wb") as file:
            np.save(file, np.concatenate(made))
        temporary.replace(kept_as)


def _kept(path: Path | None) -> NDArray[np.uint8] | None:
    """Return the corrupted images in a file; None if there are none, or it is damaged and must be written anew."""
    if path is None:
        return None
    try:
        return load_array(path, mapped=True)
    except (OSError, ValueError):
        return None


def _has_room(kept_as: Path, num_bytes: int) -> bool:
    """Return whether corrupted images can be kept: few enough for memory, and for the disk with all kept so far."""
    kept = sum(path.stat().st_size for path in kept_as.parent.glob(f"*{kept_as.suffix}"))
    free = shutil.disk_usage(kept_as.parent).free
    return num_bytes <= _KEPT_IN_MEMORY and kept + num_bytes <= _KEPT_BYTES and num_bytes <= free / 4


def fingerprint_of(
    pixels: hashlib._Hash, labels_N: NDArray[np.int64], samples_N: Sequence[int] | NDArray[np.uint64]
) -> str:
    """Return a SHA-256 over pixels that *pixels* has been given, labels and sample ids."""
    pixels.update(np.asarray(labels_N, dtype="<i8").tobytes() + np.asarray(samples_N, dtype="<u8").tobytes())
    return pixels.hexdigest()
