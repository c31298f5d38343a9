"""Given images: arrays, datasets and data frames, kept in the cache by their content.

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
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.api.given.pairs import class_names, is_indexed, pair_of, pairs_of, splits_of
from zoo.errors import DataError
from zoo.files.cache import cache_root
from zoo.files.plain_files import IMAGE, read_bytes
from zoo.names import slug

if TYPE_CHECKING:
    import pyarrow as pa

NOTES_FILE = "notes.json"
_ROWS = 512
"""Images that are written at a time."""
_LOOKS = 3
"""Images that are read twice, to see whether reading draws at random."""


def keep_images(
    given: object,
    *,
    name: str = "data",
    report: Callable[[str], None] = lambda line: None,
    note: Callable[[str], None] = lambda sentence: None,
) -> str:
    """Write images and labels into the cache, and return the name of the dataset that has them: ``given:data-1f0c…``.

    Args:
        given: ``(images, labels)``; a torch ``Dataset`` or ``DataLoader``, or any sequence or iterable of pairs or of
            mappings with the keys ``image`` and ``label``; a Hugging Face dataset, also a streamed one; a data frame
            with such columns; or a mapping of splits (train, val, test) to any of these. Images are pixels
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

    splits = splits_of(given)
    classes = class_names(splits)
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
            pairs = _numbered(pairs_of(split), classes, role)
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


def _draws(split: Any) -> bool:
    """Tell whether reading an image again gives another one."""
    split = getattr(split, "dataset", split) if hasattr(split, "batch_size") else split
    if isinstance(split, tuple) or not is_indexed(split):
        return False
    few = range(min(_LOOKS, len(split)))
    return any(encoded(pair_of(split[index])[0], "") != encoded(pair_of(split[index])[0], "") for index in few)


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
    if isinstance(value, str) and not index_of:
        raise DataError(
            f"{where} has the label {value!r}, and the names of all classes are not known: give the dataset an "
            "attribute classes, or give (images, labels)"
        )
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
            return read_bytes(Path(image), IMAGE)
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
