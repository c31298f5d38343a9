"""The key of prepared data, which changes whenever the images or the settings do."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from harness.data.image_files import decoding, opening
from harness.data.image_shape import Wanted
from harness.data.notes import UnusableImagesError, shown
from harness.records.spec import ASKED, DatasetSpec, ProviderSpec, stable_hash
from zoo.dataset import Dataset, FilePart, Split, Splits
from zoo.preparation import SMALL_NETWORK

FORMAT = 2
"""Incremented whenever the prepared files change for the same data."""


def cache_key(dataset: Dataset, spec: DatasetSpec, splits: Splits, wanted: Wanted) -> str:
    """Return a hash of everything that can change the prepared images: the settings and the current images.

    Two networks share an entry unless they need different pixels: the size that a network was designed for counts only
    where the size is open.

    Files are identified by their paths, sizes and modification times, and images in memory by their content, unless
    the split has its own signature.

    Raises:
        UnusableImagesError: If a file is missing or cannot be accessed.
    """
    present = {name: getattr(splits, name) for name in ("train", "val", "test")}
    # All folds are prepared together. Without folds, the key is the same as before folds existed.
    # So are all draws, to which others are added later.
    left_out = {
        "display_name",
        "mirror_symmetric",
        "fold",
        "resplit",
        "provider",
        *ASKED,
        *(() if spec.folds else ("folds",)),
    }
    left_out |= {name for name in ("bit_depth", "unsplit_is_test") if not getattr(spec, name)}
    view = wanted.settled(dataset.image_size).view
    # Small networks all follow the images.
    design_size = max(wanted.design_size, SMALL_NETWORK - 1)
    # Notes are stored with the images. Without notes, the key is the same as before notes existed.
    notes = {"notes": [splits.omissions, splits.notes]} if splits.omissions or splits.notes else {}
    drawn = {} if spec.resplit is None else {"resplit": True}
    return stable_hash(
        {
            **notes,
            **drawn,
            "format": [FORMAT, decoding.VERSION, PIL.__version__, *opening.plugin_versions()],
            "spec": {**spec.model_dump(mode="json", exclude=left_out), "provider": _provider_fields(spec.provider)},
            "preparation": [asdict(view), design_size if view.size is None else None],
            "hints": [dataset.channels],
            "classes": splits.classes,
            "splits": {name: _signature(split) for name, split in present.items() if split is not None},
        }
    )


def _provider_fields(provider: ProviderSpec) -> dict[str, Any]:
    """Return what of a provider can change images; versions of libraries only reach them by way of what is hashed."""
    code = provider.code
    own = [code.modules, code.files, code.arguments] if code is not None else provider.code_hash
    return {"plugin": provider.plugin, "distribution": provider.distribution, "version": provider.version, "code": own}


def _signature(split: Split) -> list[str]:
    """Return hashes that change whenever the split changes."""
    return [
        hashlib.sha256(np.asarray(split.labels, dtype="<i8").tobytes()).hexdigest(),
        _text_hash(split.ids),
        _text_hash(split.groups),
        split.signature or _source_signature(split),
    ]


def _text_hash(values: Sequence[str] | None) -> str:
    if values is None:
        return ""
    digest = hashlib.sha256()
    separator = ""
    # In pieces: a million ids take as much memory again when joined.
    remaining = iter(values)
    while some := list(islice(remaining, 2**16)):
        digest.update((separator + "\0".join(some)).encode("utf-8", "surrogatepass"))
        separator = "\0"
    return digest.hexdigest()


def _source_signature(split: Split) -> str:
    digest = hashlib.sha256()
    if split.images is not None:
        digest.update(repr(split.images.shape).encode())
        for start in range(0, len(split), 4096):
            digest.update(split.images[start : start + 4096].tobytes())
        return digest.hexdigest()
    assert split.encoded is not None
    shards: dict[Path, bytes] = {}
    for item in split.encoded:
        if isinstance(item, Path):
            digest.update(_file_signature(item))
        elif isinstance(item, FilePart):
            if item.path not in shards:
                shards[item.path] = _file_signature(item.path)
            digest.update(shards[item.path] + b"%d %d\n" % (item.start, item.size))
        else:
            digest.update(b"%d\0" % len(item) + item)
    return digest.hexdigest()


def _file_signature(path: Path) -> bytes:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise UnusableImagesError(f"there is no file {shown(path)}") from None
    except OSError as error:  # for example a link to itself, or a folder without permission
        raise UnusableImagesError(f"{shown(path)} cannot be read: {error.strerror or error}") from error
    return os.fsencode(path.absolute()) + b"\0%d %d\n" % (status.st_size, status.st_mtime_ns)
