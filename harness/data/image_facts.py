"""Facts about images beside pixels and labels, which metrics can ask for: ids, groups, and the class hierarchy.

``SPLIT-ids.npy`` and ``SPLIT-groups.npy`` are kept beside the prepared images of the validation and test splits. They
change neither a key nor a fingerprint. Shape suffixes: N images, K classes.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.data.array_files import load_array
from harness.data.images import PreparedData
from harness.data.splitting import hash_ids, whole
from harness.system.atomic_files import write_bytes
from zoo.dataset import Split, Splits
from zoo.hierarchy import ClassHierarchy
from zoo.metric import Predictions

_SPLITS = ("val", "test")


def write_facts(folder: Path, splits: Splits) -> None:
    """Write ids and groups of the validation and test images in *folder*, unless they are there.

    Images are found by the hashes of their ids, whichever of the source's splits they come from. If the cache cannot be
    written, metrics that need these facts have no value.
    """
    due = [name for name in _SPLITS if (folder / f"{name}-samples.npy").exists() and not _file(folder, name).exists()]
    if not due:
        return
    sources = [(name, split) for name in ("train", "val", "test") if (split := getattr(splits, name)) is not None]
    ids = np.array([each for name, split in sources for each in whole(name, split).ids], dtype=object)
    hashes_N = hash_ids(ids.tolist())
    groups = None
    if any(split.groups is not None for _, split in sources):
        groups = np.concatenate([_groups(name, split) for name, split in sources])
    order = np.argsort(hashes_N, kind="stable")
    with contextlib.suppress(OSError):
        for name in due:
            samples_N = load_array(folder / f"{name}-samples.npy")
            places_N = order[np.searchsorted(hashes_N[order], samples_N).clip(max=len(order) - 1)]
            assert np.array_equal(hashes_N[places_N], samples_N), "prepared images are those of the source"
            save_facts(folder, name, ids[places_N], None if groups is None else groups[places_N])


def _groups(name: str, split: Split) -> NDArray[np.uint64]:
    """Return hashes of the names of the groups; an image without one is a group of its own."""
    return hash_ids(split.groups if split.groups is not None else whole(name, split).ids)


def save_facts(folder: Path, name: str, ids: Iterable[str], groups_N: NDArray[np.uint64] | None) -> None:
    """Write the ids, and the groups if there are any, of the images called *name* in *folder*."""
    if groups_N is not None:  # first, since the ids mark that both are there
        write_bytes(folder / f"{name}-groups.npy", _npy(groups_N))
    text = json.dumps(list(ids), separators=(",", ":")).encode()
    write_bytes(_file(folder, name), _npy(np.frombuffer(text, dtype=np.uint8)))


def load_facts(folder: Path, name: str) -> dict[str, Any]:
    """Return the fields ``ids`` and ``groups`` of predictions, as far as they are known."""
    try:
        ids = tuple(json.loads(load_array(_file(folder, name)).tobytes()))
    except FileNotFoundError:
        return {}
    groups = folder / f"{name}-groups.npy"
    return {"ids": ids, **({"groups": load_array(groups)} if groups.exists() else {})}


def with_facts(predictions: Predictions, prepared: PreparedData, split: Literal["val", "test"]) -> Predictions:
    """Return the predictions for a split of prepared data with what is known of the images and classes."""
    folder = Path(prepared.folder)
    if not prepared.selection:
        found = load_facts(folder, split)
    else:
        found = load_facts(folder, "test")
        places_N = load_array(folder / f"{prepared.selection}-{split}.npy")
        if found:
            found = {"ids": tuple(found["ids"][place] for place in places_N.tolist())} | (
                {"groups": found["groups"][places_N]} if "groups" in found else {}
            )
    # The columns of a published head may be more than the classes of the dataset.
    if prepared.hierarchy and predictions.classes == prepared.classes:
        found["hierarchy"] = ClassHierarchy(classes=prepared.classes, ancestors=prepared.hierarchy)
    return replace(predictions, **found)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}-ids.npy"


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
