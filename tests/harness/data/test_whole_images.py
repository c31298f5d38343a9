"""Whole training images in the cache: once for each rung, or encoded where they would not fit."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.data.cache.clearing import clear
from harness.data.cache.entries import list_cache
from harness.data.images import PreparedData, TrialImages
from harness.data.photographs.whole import decode_whole, rung_for
from harness.data.prepare import prepare_data
from harness.data.settings import DataSettings
from harness.data.whole_images import add_whole_images
from harness.records.spec import DatasetSpec, ProviderSpec
from zoo.dataset import Dataset, Split, Splits
from zoo.errors import DataError


def photo(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    buffer = io.BytesIO()
    shape = (int(rng.integers(20, 90)), int(rng.integers(20, 90)), 3)
    Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


PHOTOS = [photo(seed) for seed in range(160)]
PHOTOS[7] = b"no image"  # left out of the training images
LABELS = np.arange(160) % 2
IDS = [f"{number}.jpg" for number in range(160)]
SPLITS = Splits(
    classes=("a", "b"),
    train=Split(encoded=PHOTOS, labels=LABELS, ids=IDS),
    test=Split(encoded=[photo(99), photo(98)], labels=np.array([0, 1]), ids=["x", "y"]),
)


@pytest.fixture
def prepare(tmp_path: Path):
    def run(splits: Splits = SPLITS, *, limit: int | None = None, **given: Any) -> PreparedData:
        given = {"image_size": 24, **given}
        spec = DatasetSpec(
            full_name="test/p", display_name="p", provider=ProviderSpec(plugin="test"), val_fraction=0.2, **given
        )
        dataset = Dataset(name="p", load=lambda request: splits)
        settings = DataSettings(data_root=tmp_path, cache=tmp_path / "cache" / "decoded", cache_limit=limit)
        prepared = prepare_data(dataset, spec, replace(settings, cache_limit=None), report=lambda *_: None)
        return add_whole_images(prepared, spec, splits, settings, report=lambda *_: None)

    return run


def expected(prepared: PreparedData, samples_N: np.ndarray) -> list[np.ndarray]:
    """The whole images of samples, found by their ids."""
    from harness.data.splitting import hash_ids

    by_hash = dict(zip(hash_ids(IDS).tolist(), PHOTOS, strict=True))
    rung = rung_for(prepared.image_size)
    return [decode_whole(by_hash[sample], channels=3, rung=rung) for sample in samples_N.tolist()]


def check(prepared: PreparedData) -> None:
    train = TrialImages(prepared).train
    assert train.whole is not None
    assert len(train.whole) == len(train)
    for index, image in enumerate(expected(prepared, train.samples_N)):
        np.testing.assert_array_equal(train.whole[index], image)
    assert prepared.load("val").whole is None
    assert prepared.load("test").whole is None


def test_each_training_image_has_its_whole_one(prepare):
    prepared = prepare()
    assert prepared.num_train == 127
    assert not prepared.whole.encoded
    check(prepared)


def test_what_does_not_fit_stays_encoded_with_the_same_pixels(prepare):
    prepared = prepare(limit=1000)
    assert prepared.whole.encoded
    check(prepared)
    assert prepare(limit=1000).whole == prepared.whole
    assert not prepare().whole.encoded, "now it fits"


def test_folds_select_from_all_images(prepare):
    everything = Splits(classes=("a", "b"), train=Split(encoded=PHOTOS[8:], labels=LABELS[8:], ids=IDS[8:]))
    first, second = (prepare(everything, folds=2, fold=fold) for fold in (1, 2))
    assert first.whole == second.whole
    check(first)
    check(second)


def test_networks_of_similar_sizes_share_a_store_if_the_images_are_the_same(prepare):
    first, again, larger = prepare(), prepare(), prepare(image_size=48)
    assert first.whole == again.whole
    assert larger.whole.rung > first.whole.rung


def test_squares_of_the_prepared_size_are_whole_already(prepare):
    images = np.random.default_rng(0).integers(0, 256, (20, 24, 24, 3), dtype=np.uint8)
    square = Splits(classes=("a", "b"), train=Split(images=images, labels=np.arange(20) % 2))
    assert prepare(square).whole is None
    assert prepare(square, image_size=16).whole is not None


def test_arrays_that_do_not_fit_are_an_error(prepare):
    images = np.zeros((20, 24, 30, 3), dtype=np.uint8)
    wide = Splits(classes=("a", "b"), train=Split(images=images, labels=np.arange(20) % 2))
    with pytest.raises(DataError, match="arrays cannot be decoded again in each epoch"):
        prepare(wide, limit=10)


def test_a_damaged_store_is_written_again(prepare):
    prepared = prepare()
    (Path(prepared.whole.folder) / "train-shapes.npy").unlink()
    check(prepare())


def test_the_cache_lists_and_clears_it(prepare, tmp_path: Path):
    prepared = prepare()
    assert prepared.folders == [Path(prepared.folder), Path(prepared.whole.folder)]
    entries = {entry.path: entry for entry in list_cache(tmp_path / "cache", now=0) if entry.kind == "decoded"}
    entry = entries[Path(prepared.whole.folder)]
    assert entry.num_images == 127
    assert not clear(entry).left_because
    assert not entry.path.exists()
