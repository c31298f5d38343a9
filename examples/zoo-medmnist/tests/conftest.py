from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

WriteNpz = Callable[..., Path]


@pytest.fixture(scope="session")
def write_npz() -> WriteNpz:
    """Write a file in MedMNIST's format with random images, as many as the real one has, which need no download."""

    def write(folder: Path, name: str, *, size: int = 28, channels: int = 1, num_classes: int = 2) -> Path:
        import medmnist

        rng = np.random.default_rng(0)
        arrays = {}
        for split, count in medmnist.INFO[name]["n_samples"].items():
            shape = (count, size, size) if channels == 1 else (count, size, size, channels)
            arrays[f"{split}_images"] = rng.integers(0, 256, shape, dtype=np.uint8)
            labels = np.arange(count) % num_classes
            arrays[f"{split}_labels"] = labels.astype(np.uint8)[:, None]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / (f"{name}.npz" if size == 28 else f"{name}_{size}.npz")
        np.savez_compressed(path, **arrays)
        return path

    return write
