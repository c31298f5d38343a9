"""Stores: read as they were written, decoded or encoded, whole or at some places."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.photographs.packed import write_packed
from harness.data.photographs.store import WholeStore
from harness.data.streaming_index import write_index


@pytest.mark.parametrize("encoded", [False, True])
def test_images_are_those_that_were_written(tmp_path: Path, encoded: bool):
    rng = np.random.default_rng(0)
    files = []
    for width in range(20, 26):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (20, width, 3), dtype=np.uint8)).save(buffer, "PNG")
        files.append(buffer.getvalue())
    if encoded:
        write_index(tmp_path, "train", files)
    else:
        write_packed(tmp_path, "train", files, channels=3, rung=32)
    store = WholeStore(folder=str(tmp_path), split="train", num_images=6, channels=3, rung=32, encoded=encoded)
    store = WholeStore.model_validate_json(store.model_dump_json())
    images = store.load()
    assert [images[index].shape for index in range(6)] == [(20, width, 3) for width in range(20, 26)]
    some = store.load(np.array([4, 0]))
    assert len(some) == 2
    np.testing.assert_array_equal(some[0], images[4])
    np.testing.assert_array_equal(some[1], images[0])
