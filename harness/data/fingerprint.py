"""Fingerprints: which images a dataset has, and which pixels they became.

The fingerprint of a dataset covers its images as they are stored, so it is the same for every network and preparation:
rows of different input sizes are compared on the same test images. Pixels have a hash of their own, because they also
depend on the decoder. Shape suffixes: N images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.data.image_writer import WrittenSplit
from harness.data.splitting import SplitIndices

VERSION = 2
"""Incremented whenever the same images get another fingerprint. Those of version 1 covered decoded pixels."""


def fingerprint_of(
    classes: Sequence[str], channels: int, parts: Mapping[str, SplitIndices], written: Mapping[str, WrittenSplit]
) -> str:
    """Return the SHA-256 over classes, channels, and each split's readable images, labels and sample ids."""
    digest = _started(classes, channels)
    for name in ("test", "val", "train"):
        part, kept = parts[name], written[name].kept
        digest.update(name.encode() + b"".join(written[name].content_hashes))
        digest.update(np.asarray(part.source.labels[kept], dtype="<i8").tobytes())
        digest.update(part.hashes_N[kept].astype("<u8").tobytes())
    return digest.hexdigest()


def pool_fingerprint(
    classes: Sequence[str],
    channels: int,
    pool: SplitIndices,
    written: WrittenSplit,
    folds: Iterable[tuple[int, Mapping[str, NDArray[np.int64]]]],
) -> str:
    """Return the SHA-256 over all images, whatever their order, and the images of each split of each fold."""
    digest = _started(classes, channels)
    hashes_N, labels_N = pool.hashes_N[pool.indices], pool.labels
    for place in np.argsort(hashes_N, kind="stable").tolist():
        digest.update(written.content_hashes[place] + b"%d %d;" % (labels_N[place], hashes_N[place]))
    for fold, places in folds:
        for name, indices in places.items():
            digest.update(f"{fold}/{name}".encode() + pool.hashes_N[indices].astype("<u8").tobytes())
    return digest.hexdigest()


def hash_of_pixels(parts: Mapping[str, SplitIndices], written: Mapping[str, WrittenSplit]) -> str:
    """Return the SHA-256 over the prepared pixels of all images, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(written):
        order = np.argsort(parts[name].hashes_N[written[name].kept], kind="stable").tolist()
        digest.update(name.encode() + b"".join(written[name].pixel_hashes[place] for place in order))
    return digest.hexdigest()


def _started(classes: Sequence[str], channels: int) -> hashlib._Hash:
    """Return a SHA-256 that has been given the version, the channels and the names of the classes."""
    return hashlib.sha256(repr((VERSION, channels, tuple(classes))).encode())
