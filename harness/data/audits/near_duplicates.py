"""Near duplicates: pairs of images that look alike, by a perceptual hash and the correlation of small grey copies.

The hash is that of the phash of ImageHash and others: the signs, against their median, of the lowest frequencies of a
discrete cosine transform. Shape suffixes: N images, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    return _ordered(_alike(copies_NHW, copies_NHW))


def cross_pairs(first_NHW: NDArray[np.float32], second_NHW: NDArray[np.float32]) -> list[NearPair]:
    """Return the pairs of an image of the first set and one of the second that look alike, the most alike first."""
    return _ordered(_alike(first_NHW, second_NHW))


def _ordered(pairs: Iterable[NearPair]) -> list[NearPair]:
    return sorted(pairs, key=lambda pair: (-pair.correlation, pair.first, pair.second))


def _alike(first_NHW: NDArray[np.float32], second_NHW: NDArray[np.float32]) -> Iterator[NearPair]:
    if not len(first_NHW) or not len(second_NHW):
        return
    sets = [(perceptual_hashes(each), *_normed(each)) for each in (first_NHW, second_NHW)]
    (hashes_N, normed_NP, is_shown_N), (others_M, normed_MP, is_shown_M) = sets
    for start in range(0, len(hashes_N), _BLOCK):
        later = start if first_NHW is second_NHW else 0
        distances = np.bitwise_count(hashes_N[start : start + _BLOCK, None] ^ others_M[None, later:])
        firsts, seconds = np.nonzero(distances <= MAX_DISTANCE)
        firsts, seconds = firsts + start, seconds + later
        kept = is_shown_N[firsts] & is_shown_M[seconds]
        if first_NHW is second_NHW:
            kept &= firsts < seconds
        firsts, seconds = firsts[kept], seconds[kept]
        correlations = np.einsum("np,np->n", normed_NP[firsts], normed_MP[seconds])
        yield from (
            NearPair(first=int(first), second=int(second), correlation=min(float(correlation), 1.0))
            for first, second, correlation in zip(firsts, seconds, correlations, strict=True)
            if correlation >= MIN_CORRELATION
        )


def _normed(copies_NHW: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return grey copies without their brightness and contrast, and whether they show enough."""
    flat_NP = copies_NHW.reshape(len(copies_NHW), -1).astype(np.float64)
    centred_NP = flat_NP - flat_NP.mean(axis=1, keepdims=True)
    spread_N = centred_NP.std(axis=1)
    return centred_NP / np.maximum(spread_N, _FLAT)[:, None] / SIDE, spread_N >= _FLAT
