"""Near duplicates: pairs of images that look alike, by a perceptual hash and the correlation of small grey copies.

The hash is that of the phash of ImageHash and others: the signs, against their median, of the lowest frequencies of a
discrete cosine transform. Shape suffixes: N images, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 16
"""Side of the grey copies in pixels."""
FREQUENCIES = 8
MAX_DISTANCE = 12
"""Bits of 63 by which the hashes of a pair may differ."""
MIN_CORRELATION = 0.97
"""Smallest correlation of the grey copies of a pair."""
_FLAT = 2.0
"""Standard deviation, in grey levels, below which an image shows too little to be told from others."""
_BLOCK = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class NearPair:
    """Two images that look alike."""

    first: int
    """Index of the earlier image."""
    second: int
    correlation: float
    """Correlation of their grey copies; 1 if these are equal up to brightness and contrast."""


def grey_copies(images: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return ``[N, SIDE, SIDE]``: small grey copies of images ``[H, W, C]``."""
    copies = []
    for image_HWC in images:
        grey_HW = image_HWC.astype(np.float32).mean(axis=2)
        copies.append(np.asarray(Image.fromarray(grey_HW).resize((SIDE, SIDE), Image.Resampling.BOX)))
    return np.stack(copies) if copies else np.empty((0, SIDE, SIDE), dtype=np.float32)


def perceptual_hashes(copies_NHW: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return the hash of each grey copy."""
    from scipy.fft import dctn

    low_NF = dctn(copies_NHW, axes=(1, 2))[:, :FREQUENCIES, :FREQUENCIES].reshape(len(copies_NHW), -1)[:, 1:]
    is_high_NF = low_NF > np.median(low_NF, axis=1, keepdims=True)
    weights_F = np.uint64(1) << np.arange(low_NF.shape[1], dtype=np.uint64)
    return np.asarray((is_high_NF * weights_F).sum(axis=1, dtype=np.uint64))


def near_pairs(copies_NHW: NDArray[np.float32]) -> list[NearPair]:
    """Return all pairs of images that look alike, the most alike first. Images of one tone look like nothing."""
    if not len(copies_NHW):
        return []
    hashes_N = perceptual_hashes(copies_NHW)
    flat_NP = copies_NHW.reshape(len(copies_NHW), -1).astype(np.float64)
    centred_NP = flat_NP - flat_NP.mean(axis=1, keepdims=True)
    spread_N = centred_NP.std(axis=1)
    is_shown_N = spread_N >= _FLAT
    normed_NP = centred_NP / np.maximum(spread_N, _FLAT)[:, None] / SIDE
    pairs = []
    for start in range(0, len(hashes_N), _BLOCK):
        block = slice(start, start + _BLOCK)
        distances = np.bitwise_count(hashes_N[block, None] ^ hashes_N[None, start:])
        firsts, seconds = np.nonzero(distances <= MAX_DISTANCE)
        firsts, seconds = firsts + start, seconds + start
        kept = (firsts < seconds) & is_shown_N[firsts] & is_shown_N[seconds]
        firsts, seconds = firsts[kept], seconds[kept]
        correlations = np.einsum("np,np->n", normed_NP[firsts], normed_NP[seconds])
        pairs += [
            NearPair(first=int(first), second=int(second), correlation=min(float(correlation), 1.0))
            for first, second, correlation in zip(firsts, seconds, correlations, strict=True)
            if correlation >= MIN_CORRELATION
        ]
    return sorted(pairs, key=lambda pair: (-pair.correlation, pair.first, pair.second))
