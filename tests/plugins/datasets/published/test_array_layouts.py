"""Published layouts of arrays; ``test_torchvision_sets`` compares all of them with torchvision."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from plugins.datasets.published.array_layouts import find_plain_or_gz, read_cifar10, read_fashion_mnist


def write_idx(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    with gzip.open(path, "wb") as file:
        file.write(header + values.tobytes())


def test_idx_files_are_images_with_their_labels(tmp_path: Path) -> None:
    folder = tmp_path / "FashionMNIST" / "raw"
    for name, count in (("train", 3), ("t10k", 2)):
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", np.full((count, 28, 28), count, dtype=np.uint8))
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", np.arange(count, dtype=np.uint8))
    splits = read_fashion_mnist(tmp_path, {})
    assert splits.train.images is not None
    assert splits.train.images.shape == (3, 28, 28, 1)
    assert splits.test is not None
    assert splits.test.labels.tolist() == [0, 1]


def test_a_plain_file_comes_before_a_compressed_one(tmp_path: Path) -> None:
    assert find_plain_or_gz(tmp_path / "x") == tmp_path / "x.gz"
    (tmp_path / "x").touch()
    assert find_plain_or_gz(tmp_path / "x") == tmp_path / "x"


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"):
        (folder / name).write_bytes(pickle.dumps(Path))
    with pytest.raises(pickle.UnpicklingError, match="is not expected in it"):
        read_cifar10(tmp_path, {})
