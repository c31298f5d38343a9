"""Decoding: test images are decoded from their files, also where they are kept decoded."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data import streaming_images, streaming_index
from harness.data.cache.entries import is_prepared_file
from harness.data.images import ImageSet
from harness.data.prepare import prepare_data
from harness.data.settings import DataSettings
from harness.measuring.decoding import STEP_IMAGES, measure_decoding
from harness.records.spec import DatasetSpec, ProviderSpec
from zoo.dataset import Dataset, Split, Splits

NUM_IMAGES = 40
PNGS = []
for _seed in range(NUM_IMAGES):
    _buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(_seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(_buffer, "PNG")
    PNGS.append(_buffer.getvalue())

Prepare = Callable[..., ImageSet]


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Prepare images from files, from bytes or as arrays, and return the test images."""

    def run(source: str, *, folds: int | None = None, cache_limit: int | None = None) -> ImageSet:
        def split(name: str) -> Split:
            labels, ids = np.arange(NUM_IMAGES) % 2, [f"{name}/{number}" for number in range(NUM_IMAGES)]
            if source == "arrays":
                return Split(images=np.zeros((NUM_IMAGES, 12, 12, 3), dtype=np.uint8), labels=labels, ids=ids)
            if source == "bytes":
                return Split(encoded=PNGS, labels=labels, ids=ids)
            paths = [tmp_path / f"{name}-{number}.png" for number in range(NUM_IMAGES)]
            for path, content in zip(paths, PNGS, strict=True):
                path.write_bytes(content)
            return Split(encoded=paths, labels=labels, ids=ids)

        splits = Splits(classes=("a", "b"), train=split("train"), test=split("test"))
        spec = DatasetSpec(
            full_name="t/d", display_name="d", provider=ProviderSpec(plugin="t"), image_size=12, folds=folds
        )
        spec = spec.model_copy(update={"fold": folds and 1})
        settings = DataSettings(data_root=tmp_path, cache=tmp_path / "cache", cache_limit=cache_limit)
        dataset = Dataset(name="d", load=lambda request: splits)
        return prepare_data(dataset, spec, settings, report=lambda *_: None, num_workers=1).load("test")

    return run


@pytest.mark.parametrize("source", ["paths", "bytes"])
@pytest.mark.parametrize("options", [{}, {"folds": 4}, {"cache_limit": 0}], ids=str)
def test_images_that_come_from_files_are_decoded_also_where_they_are_kept_decoded(
    prepare: Prepare, source: str, options: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = prepare(source, **options)
    decode = streaming_images.decode

    def slow(*args: object, **how: object) -> object:
        time.sleep(0.002)
        return decode(*args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(streaming_images, "decode", slow)
    rate = measure_decoding(images, budget_seconds=0.05)
    assert rate is not None
    assert rate.median < 1 / 0.002
    assert rate.batch_size == STEP_IMAGES


def test_the_sample_gives_the_pixels_that_are_kept(prepare: Prepare) -> None:
    images = prepare("paths")
    assert isinstance(images.images_NHWC, np.ndarray)
    assert images.encoded_sample is not None
    assert (images.encoded_sample()[:] == images.images_NHWC).all()


def test_arrays_and_files_that_are_gone_or_changed_have_no_rate(prepare: Prepare, tmp_path: Path) -> None:
    assert measure_decoding(prepare("arrays"), budget_seconds=0.01) is None
    images = prepare("paths")
    assert measure_decoding(images, budget_seconds=0.01) is not None
    assert measure_decoding(replace(images, encoded_sample=None), budget_seconds=0.01) is None
    os.utime(tmp_path / "test-3.png", (1, 1))
    assert measure_decoding(images, budget_seconds=0.01) is None
    (tmp_path / "test-3.png").unlink()
    assert measure_decoding(images, budget_seconds=0.01) is None


def test_a_sample_of_bytes_is_small(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming_index, "SAMPLE_BYTES", 5 * len(PNGS[0]) + 100)
    images = prepare("bytes")
    assert images.encoded_sample is not None
    assert 1 <= len(images.encoded_sample()) <= 6
    assert measure_decoding(images, budget_seconds=0.01) is not None


def test_a_sample_is_spread_over_the_images(tmp_path: Path) -> None:
    contents = [bytes([number % 256]) * 10 for number in range(1000)]
    streaming_index.write_sample(tmp_path, "some", contents, range(1000))
    index = streaming_index.EncodedIndex(tmp_path, "some")
    assert len(index) == streaming_index.SAMPLE_IMAGES
    assert (index.read(0), index.read(len(index) - 1)) == (contents[0], contents[999])
    streaming_index.write_sample(tmp_path, "none", [tmp_path / "missing"], [0])
    assert not (tmp_path / "none-places.npy").exists()


@pytest.mark.parametrize("source", ["files", "bytes"])
def test_the_sample_is_of_zoo_so_that_zoo_cache_clear_removes_it(prepare: Prepare, tmp_path: Path, source: str) -> None:
    prepare(source)
    names = {path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    sample = {name for name in names if "sample" in name and "samples" not in name}
    assert "test-sample-places.npy" in sample
    assert ("test-sample-encoded.bin" in sample) is (source == "bytes")
    assert all(map(is_prepared_file, sample))
