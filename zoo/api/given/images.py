"""Given images: arrays, torch datasets and Hugging Face datasets, kept in the cache by their content.

They become Parquet files that the built-in dataset ``given:NAME-DIGEST`` reads, so trials in other processes, later
benches and the command line find them, and the fingerprint is that of the images.

Shape suffixes: H height, W width, C channels, N images.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import DataError, UsageError
from zoo.files.cache import cache_root
from zoo.names import slug

if TYPE_CHECKING:
    import pyarrow as pa

ROLES = {"train": "train", "val": "val", "validation": "val", "valid": "val", "dev": "val", "test": "test"}
NOTES_FILE = "notes.json"
_ROWS = 512
"""Images that are written at a time."""
_LOOKS = 3
"""Images that are read twice, to see whether reading draws at random."""
_ACCEPTED = (
    "give (images, labels), a torch Dataset or DataLoader, a Hugging Face dataset, or a mapping of these by split"
)


def keep_images(
    given: object,
    *,
    name: str = "data",
    report: Callable[[str], None] = lambda line: None,
    note: Callable[[str], None] = lambda sentence: None,
) -> str:
    """Write images and labels into the cache, and return the name of the dataset that has them: ``given:data-1f0c…``.

    Args:
        given: ``(images, labels)``; a torch ``Dataset`` or ``DataLoader``, or any sequence or iterable of pairs; a
            Hugging Face dataset; or a mapping of splits (train, val, test) to any of these. Images are pixels
            ``uint8 [H, W]`` or ``[H, W, C]``, float tensors ``[C, H, W]`` in [0, 1], PIL images, or encoded files as
            bytes or paths. Labels are whole numbers or strings.
        name: Beginning of its name.
        report: Called with a sentence for each split.
        note: Called with a sentence for each split whose images differ from reading to reading.

    Raises:
        UsageError: If it is none of these.
        DataError: If an image or label cannot be used.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    splits = _splits(given)
    classes = _class_names(given, splits)
    root = cache_root() / "given"
    root.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(json.dumps(classes).encode())
    notes: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix=".tmp-", dir=root))
    try:
        for role, split in splits.items():
            if _draws(split):
                notes.append(
                    f"images of the {role} split differ from reading to reading; those of one reading were kept, and "
                    "the same call may give others: give the images without random transforms"
                )
                note(notes[-1])
            report(f"reading the {role} split")
            digest.update(role.encode())
            schema = _schema(classes)
            pairs = _numbered(_pairs(split), classes, role)
            with pq.ParquetWriter(folder / f"{role}.parquet", schema) as writer:
                while rows := list(islice(pairs, _ROWS)):
                    for encoded, label in rows:
                        digest.update(hashlib.sha256(encoded).digest() + repr(label).encode())
                    columns = [
                        pa.array([{"bytes": encoded, "path": None} for encoded, _ in rows], type=schema.field(0).type),
                        pa.array([label for _, label in rows], type=schema.field(1).type),
                    ]
                    writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        (folder / NOTES_FILE).write_text(json.dumps(notes), encoding="utf-8")
        kept = f"{slug(name)}-{digest.hexdigest()[:16]}"
        with contextlib.suppress(OSError):  # it is there already, with the same content
            folder.rename(root / kept)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return f"given:{kept}"


def _splits(given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        return {"train": given}
    splits: dict[str, Any] = {}
    for name, split in given.items():
        role = ROLES.get(str(name))
        if role is None:
            raise UsageError(f"data has a split {name!r}: expected {', '.join(ROLES)}")
        splits[role] = split
    if "train" not in splits:
        raise UsageError("data has no train split")
    return splits


def _is_hugging_face(split: object) -> bool:
    return hasattr(split, "features") and hasattr(split, "column_names")


def _class_names(given: object, splits: Mapping[str, Any]) -> list[str] | None:
    """Return the names of classes as a source states them, else those of string labels; None for plain numbers."""
    for split in splits.values():
        names = getattr(split, "classes", None) or getattr(getattr(split, "dataset", None), "classes", None)
        if _is_hugging_face(split):
            names = getattr(split.features.get(_columns(split)[1]), "names", None)
        if names:
            return [str(name) for name in names]
        labels = split[1] if isinstance(split, tuple) and len(split) == 2 else None
        if labels is not None and len(labels) and isinstance(labels[0], str):
            return sorted({str(label) for each in splits.values() for label in each[1]})
    return None


def _columns(split: Any) -> tuple[str, str]:
    """Return the names of the image and label columns of a Hugging Face dataset."""
    images = [name for name in ("image", "img", "picture") if name in split.column_names]
    labels = [name for name in ("label", "labels", "fine_label", "class") if name in split.column_names]
    if not images or not labels:
        raise DataError(
            f"the Hugging Face dataset has the columns {', '.join(split.column_names)}: rename those of the images and "
            "labels to image and label"
        )
    return images[0], labels[0]


def _pairs(split: Any) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of image and label.

    Raises:
        UsageError: If there are none.
    """
    if _is_hugging_face(split):
        image, label = _columns(split)
        for row in split:
            yield row[image], row[label]
    elif isinstance(split, tuple) and len(split) == 2:
        images, labels = split
        if len(images) != len(labels):
            raise DataError(f"there are {len(images):,} images and {len(labels):,} labels")
        yield from zip(images, labels, strict=True)
    elif hasattr(split, "batch_size") and hasattr(split, "dataset"):  # a DataLoader: its order and batches do not count
        yield from _pairs(split.dataset)
    elif isinstance(split, Sequence) or (hasattr(split, "__getitem__") and hasattr(split, "__len__")):
        for index in range(len(split)):
            yield _pair(split[index])
    elif isinstance(split, Iterable):
        yield from map(_pair, split)
    else:
        raise UsageError(f"data is {type(split).__name__}: {_ACCEPTED}")


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    raise UsageError(f"data has an item of type {type(item).__name__}, not a pair of image and label: {_ACCEPTED}")


def _draws(split: Any) -> bool:
    """Tell whether reading an image again gives another one."""
    split = getattr(split, "dataset", split) if hasattr(split, "batch_size") else split
    if isinstance(split, tuple) or _is_hugging_face(split) or not hasattr(split, "__getitem__"):
        return False
    few = range(min(_LOOKS, len(split)))
    return any(encoded(_pair(split[index])[0], "") != encoded(_pair(split[index])[0], "") for index in few)


def _numbered(pairs: Iterable[tuple[Any, Any]], classes: list[str] | None, role: str) -> Iterator[tuple[bytes, int]]:
    index_of = {name: number for number, name in enumerate(classes or ())}
    number = -1
    for number, (image, label) in enumerate(pairs):
        where = f"image {number} of the {role} split"
        yield encoded(image, where), _label(label, index_of, where)
    if number < 0:
        raise DataError(f"the {role} split has no images")


def _label(label: Any, index_of: Mapping[str, int], where: str) -> int:
    value = label.item() if hasattr(label, "item") else label
    if isinstance(value, str) and value in index_of:
        return index_of[value]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise DataError(f"{where} has the label {value!r}: labels are whole numbers from 0, or strings")
    return value


def encoded(image: Any, where: str) -> bytes:
    """Return an image as the bytes of a file: files stay as they are, and pixels become PNG.

    Raises:
        DataError: If it is no image; *where* begins the sentence.
    """
    import numpy as np
    from PIL import Image

    if isinstance(image, bytes):
        return image
    if isinstance(image, str | os.PathLike):
        try:
            return Path(image).read_bytes()
        except OSError as error:
            raise DataError(f"{where}: {image} cannot be read: {error.strerror or error}") from error
    if not isinstance(image, Image.Image):
        if type(image).__module__.partition(".")[0] == "torch":
            image = image.detach().cpu()
            image = (image.permute(1, 2, 0) if image.ndim == 3 else image).numpy()
        pixels = np.asarray(image)
        if pixels.dtype.kind == "f":
            low, high = float(pixels.min(initial=0)), float(pixels.max(initial=0))
            if low < 0 or high > 1:
                raise DataError(
                    f"{where} has values from {low:.3g} to {high:.3g}: floats must be in [0, 1], because zoo "
                    "normalises images itself; leave Normalize out of the transforms"
                )
            pixels = np.round(pixels * 255).astype(np.uint8)
        if pixels.dtype != np.uint8 or (pixels.ndim != 2 and (pixels.ndim != 3 or pixels.shape[2] not in (1, 3))):
            raise DataError(
                f"{where} is {pixels.dtype} {list(pixels.shape)}: expected uint8 [H, W], [H, W, 1] or [H, W, 3], or a "
                "float tensor [C, H, W] in [0, 1]"
            )
        image = Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    file = io.BytesIO()
    (image if image.mode in ("L", "RGB") else image.convert("RGB")).save(file, format="PNG", compress_level=1)
    return file.getvalue()


def _schema(classes: list[str] | None) -> pa.Schema:
    import pyarrow as pa

    fields = [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())]
    if classes is None:
        return pa.schema(fields)
    features = {"label": {"names": classes, "_type": "ClassLabel"}}
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})
