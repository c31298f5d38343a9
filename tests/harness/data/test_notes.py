"""Notes on prepared data."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.image_files.decoding import decode
from harness.data.image_writer import WrittenSplit
from harness.data.notes import depth_notes
from tests.harness.data.toy_splits import TEST, TRAIN, Prepare, encoded, png, splits
from zoo.dataset import Split, Splits
from zoo.errors import DataError
from zoo.preparation import Preparation


def deep_png(largest: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.array([[0, largest]], dtype=np.uint16)).save(file, "PNG")
    return file.getvalue()


def written(*largest: int) -> dict[str, WrittenSplit]:
    split = WrittenSplit(kept=np.arange(1), histogram=np.zeros((1, 256), dtype=np.int64))
    for each in largest:
        decode(deep_png(each), channels=1, preparation=Preparation(size=2), on_deep_image=split.deep_peaks.append)
    return {"train": split}


@pytest.mark.parametrize(("largest", "bits"), [(4095, 12), (1023, 10), (16383, 14), (200, 8)])
def test_16_bit_images_that_hold_fewer_bits_are_noted(largest: int, bits: int) -> None:
    """Microscopes and X-ray detectors write 12 bits into 16-bit files, which come out almost black."""
    (note,) = depth_notes(written(7, largest), None)
    assert f"above {largest:,} of 65,535, as if they had {bits} bits" in note
    assert f"data.bit_depth={bits} scales them" in note
    assert depth_notes(written(7, largest), bits) == []


def test_one_bright_image_shows_that_the_full_range_is_used() -> None:
    assert depth_notes(written(100, 40_000), None) == []
    assert depth_notes(written(), None) == []


def test_a_bit_depth_that_changes_no_image_is_an_error() -> None:
    with pytest.raises(DataError, match=r"data\.bit_depth=12 does nothing: no image has more than 8 bits per sample"):
        depth_notes(written(), 12)


def test_few_unreadable_training_images_are_left_out_and_named(prepare: Prepare, tmp_path: Path) -> None:
    """A corrupt image is never replaced by its neighbour, as timm's ImageDataset does."""
    bad = tmp_path / "bad\n\u202e.jpg"
    bad.write_text("not an image")
    train: list[bytes | Path] = [png(i) for i in range(120)]
    # The image must be one that stays in train, whatever the hash says.
    parts = prepare(splits(train, TEST))
    kept = set(parts.load("train").samples_N.tolist())
    from harness.data.splitting import hash_ids

    place = next(i for i in range(120) if int(hash_ids([f"train-{i}"])[0]) in kept)
    train[place] = bad
    prepared = prepare(splits(train, TEST))
    assert (prepared.num_train, prepared.num_val) == (parts.num_train - 1, parts.num_val)
    note = next(note for note in prepared.notes if "left out" in note)
    assert repr(str(bad))[1:-1] in note
    assert "\n" not in note
    assert (prepared.load("train").samples_N != hash_ids([f"train-{place}"])[0]).all()


def test_many_unreadable_training_images_are_an_error(prepare: Prepare) -> None:
    given = replace(splits([*TRAIN[:12], *[b"junk"] * 8], TEST), val=encoded("val", TEST))
    with pytest.raises(DataError, match=r"8 of 20 training .* more than 1%: train-12 .*; and 3 more"):
        prepare(given)


def test_one_unreadable_test_image_is_an_error_that_names_it(prepare: Prepare) -> None:
    with pytest.raises(DataError, match=r"test-1 \(not an image"):
        prepare(splits(TRAIN, [TEST[0], b"junk", *TEST[2:]]))


def test_test_images_that_are_also_in_train_are_counted(prepare: Prepare) -> None:
    prepared = prepare(splits(TRAIN, [*TEST, TRAIN[0], TRAIN[1]]))
    assert any(note.startswith("2 of 8 test images are also among") for note in prepared.notes)
    assert not any("also among" in note for note in prepare(splits(TRAIN, TEST)).notes)


def test_a_class_that_is_only_in_test_is_noted(prepare: Prepare) -> None:
    train = Split(encoded=TRAIN, labels=np.zeros(20, dtype=np.int64), ids=[f"train-{i}" for i in range(20)])
    prepared = prepare(Splits(classes=("a", "b"), train=train, test=encoded("test", TEST)))
    assert "1 of 2 classes have no train image: 'b'" in prepared.notes


def test_fewer_images_than_the_dataset_is_known_to_have_are_noted(prepare: Prepare) -> None:
    prepared = prepare(splits(TRAIN, TEST), num_train=50)
    assert "20 training images found, but the dataset is known to have 50" in prepared.notes
