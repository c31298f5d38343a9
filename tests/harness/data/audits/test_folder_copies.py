"""Test images that are in a folder as well are found there, at another size too, and others are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.audits.folder_copies import copies_in
from harness.data.splitting import SplitIndices, make_parts
from zoo.dataset import Split, Splits
from zoo.errors import DataError


def quiet(message: str, share: float | None) -> None:
    pass


def blobs(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)) for _ in range(count)]
    return np.stack([np.asarray(each.resize((40, 40), Image.Resampling.BICUBIC)) for each in pictures])


@pytest.fixture
def tested() -> SplitIndices:
    images, labels = blobs(24), np.arange(24) % 2
    splits = Splits(
        classes=("a", "b"),
        train=Split(images=images[:12], labels=labels[:12]),
        test=Split(images=images[12:], labels=labels[12:]),
    )
    return make_parts(splits, val_fraction=0.2, limit_train=None, limit_test=None)[0]["test"]


def test_a_test_image_is_found_with_its_most_alike_file(tested: SplitIndices, tmp_path: Path) -> None:
    images = blobs(30)
    (tmp_path / "deep").mkdir()
    for place in range(24, 30):  # others
        Image.fromarray(images[place]).save(tmp_path / f"{place}.png")
    Image.fromarray(images[15]).resize((64, 64)).save(tmp_path / "deep" / "again.JPG", quality=60)
    Image.fromarray(images[15]).save(tmp_path / "same.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("no picture")
    found = copies_in(tmp_path, tested, report=quiet)
    assert (found.num_test, found.num_files, found.num_unreadable) == (12, 9, 1)
    (copy,) = found.copies
    assert (copy.id, copy.file) == (tested.ids[3], "same.png")
    assert copy.correlation == pytest.approx(1)


def test_a_folder_that_is_missing_or_has_no_images_is_one_sentence(tested: SplitIndices, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder"):
        copies_in(tmp_path / "absent", tested, report=quiet)
    with pytest.raises(DataError, match="has no image files"):
        copies_in(tmp_path, tested, report=quiet)
