"""Small images of noise, and splits of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from harness.data.images import PreparedData
from zoo.dataset import Split, Splits

Prepare = Callable[..., PreparedData]


def photo(seed: int, size: tuple[int, int] = (10, 8), mode: str = "RGB") -> Image.Image:
    channels = len(mode)
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    return Image.fromarray(values if channels > 1 else values[..., 0])


def png(seed: int, size: tuple[int, int] = (8, 8), mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    photo(seed, size, mode).save(buffer, "PNG")
    return buffer.getvalue()


def encoded(name: str, items: Sequence[bytes | Path], num_classes: int = 2) -> Split:
    labels = np.arange(len(items)) % num_classes
    return Split(encoded=items, labels=labels, ids=[f"{name}-{i}" for i in range(len(items))])


def splits(train: Sequence[bytes | Path], test: Sequence[bytes | Path] | None = None) -> Splits:
    return Splits(
        classes=("a", "b"), train=encoded("train", train), test=None if test is None else encoded("test", test)
    )


TRAIN = [png(i) for i in range(20)]
TEST = [png(100 + i) for i in range(6)]
