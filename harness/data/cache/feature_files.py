"""Feature files: the outputs of a frozen backbone for a dataset's images, kept in the cache. Does not import torch.

A folder ``features/NAME-KEY/`` holds ``facts.json``, ``SPLIT.npy`` for each split that was needed so far, and
``speed-KEY.json`` for each setting in which the network was timed. KEY is a hash of everything that can change a
feature. Each file is written under a temporary name and renamed, so that processes can share a folder.

Shape suffixes: N images, D features.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from harness.data.array_files import load_array
from harness.data.cache_layout import lock_of
from harness.records.spec import stable_hash
from harness.system.atomic_files import write_atomically, write_json
from zoo.files.cache import cache_root
from zoo.files.plain_files import FACTS, read_bytes
from zoo.names import slug

FEATURES_FOLDER = "features"
"""Name of the folder in the cache."""
FORMAT = 1
"""Incremented whenever the same images and weights give other files."""
FEATURE_FACTS_FILE = "facts.json"
SPLITS = ("train", "val", "test", "all")
"""Names of splits; ``all``: the images of all folds together."""
VIEW_SUFFIX = "-view"
"""What follows the split, with a number from 2, in the names of files of augmented views."""


class FeatureFolder:
    """The folder in the cache with the features of one backbone for one dataset.

    If it cannot be written, nothing is kept.

    Args:
        title: Beginning of its name.
        fields: Everything that can change a feature, as plain JSON.
    """

    def __init__(self, title: str, fields: Mapping[str, Any]) -> None:
        self.key = stable_hash({"format": FORMAT, **fields})
        self.path: Path | None = None
        with contextlib.suppress(RuntimeError):  # there is no folder for the cache
            self.path = cache_root() / FEATURES_FOLDER / f"{slug(title)}-{self.key[:20]}"

    def read(self, split: str, *, num_images: int) -> NDArray[np.float32] | None:
        """Return the features ``[N, D]`` of a split, or None if they are not there or damaged."""
        if self.path is None:
            return None
        try:
            found = load_array(self.path / f"{split}.npy")
        except (OSError, ValueError):
            return None
        with contextlib.suppress(OSError):
            os.utime(self.path / FEATURE_FACTS_FILE)  # its last use, by which the cache is cleared
        is_whole = found.dtype == np.float32 and found.ndim == 2 and len(found) == num_images
        return found if is_whole and bool(np.isfinite(found).all()) else None

    def write(self, split: str, features_ND: NDArray[np.float32]) -> None:
        """Keep the features of a split."""
        if self.path is None:
            return
        with contextlib.suppress(OSError):  # a read-only or full disk: the cache is a convenience
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path / f"{split}.npy", lambda temporary: _save(temporary, features_ND))

    def read_facts(self, name: str = FEATURE_FACTS_FILE) -> dict[str, Any] | None:
        """Return the JSON object in a file of the folder, or None if there is none."""
        if self.path is None:
            return None
        try:
            found = json.loads(read_bytes(self.path / name, FACTS))
        except (OSError, ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def write_facts(self, facts: Mapping[str, Any], name: str = FEATURE_FACTS_FILE) -> None:
        """Keep a JSON object in a file of the folder."""
        if self.path is None:
            return
        with contextlib.suppress(OSError):
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(self.path / name, dict(facts))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let no other process compute the same features, or clear them, during the body."""
        with contextlib.ExitStack() as held:
            if self.path is not None:
                with contextlib.suppress(OSError):
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                    held.enter_context(FileLock(lock_of(self.path)))
            yield


def speed_file(key: str) -> str:
    """Return the name of the file with the speeds that were measured under the settings of *key*, a hash."""
    return f"speed-{key[:20]}.json"


def _save(path: Path, features_ND: NDArray[np.float32]) -> None:
    with path.open("wb") as file:
        np.save(file, np.ascontiguousarray(features_ND, dtype=np.float32))
