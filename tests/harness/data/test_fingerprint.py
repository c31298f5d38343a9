"""Fingerprints: of what a dataset is, whatever its images become."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.image_shape import Wanted
from harness.data.images import PreparedData
from harness.data.prepare import prepare_data
from harness.data.settings import DataSettings
from harness.records.spec import DatasetSpec, ProviderSpec
from zoo.dataset import Dataset, Split, Splits
from zoo.preparation import Preparation


def file(value: int, form: str = "PNG") -> bytes:
    content = io.BytesIO()
    pixels = np.random.default_rng(value).integers(0, 256, (12 + value % 3, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(content, form)
    return content.getvalue()


CONTENT = [file(value) for value in range(30)]


def prepare(
    tmp_path: Path, content: list[bytes], wanted: Wanted | None = None, *, limit: int | None = None, **settings: object
) -> PreparedData:
    split = Split(encoded=content, labels=np.arange(len(content)) % 2, ids=[f"{i}" for i in range(len(content))])
    dataset = Dataset(name="x", load=lambda request: Splits(classes=("a", "b"), train=split))
    spec = DatasetSpec(full_name="t/x", display_name="x", provider=ProviderSpec(plugin="t"), **settings)  # type: ignore[arg-type]
    where = DataSettings(data_root=tmp_path, cache=tmp_path / f"cache{limit}", cache_limit=limit)
    return prepare_data(dataset, spec, where, report=lambda *_: None, num_workers=1, wanted=wanted)


@pytest.mark.parametrize("folds", [None, 3])
def test_the_fingerprint_is_the_same_for_each_size_and_preparation(tmp_path: Path, folds: int | None) -> None:
    ways = [
        Preparation(size=8),
        Preparation(size=24),
        Preparation(size=8, fit="pad"),
        Preparation(size=8, crop_share=0.8),
        Preparation(size=8, interpolation="bilinear"),
    ]
    fold = folds and 1
    found = [prepare(tmp_path, CONTENT, Wanted(preparation=each), folds=folds, fold=fold) for each in ways]
    assert len({each.whole_fingerprint for each in found}) == 1
    assert len({each.fingerprint for each in found}) == 1
    assert len({each.pixels for each in found}) == len({each.folder for each in found}) == 5
    assert [each.image_size for each in found] == [8, 24, 8, 8, 8]
    assert all((each.load("test").samples_N == found[0].load("test").samples_N).all() for each in found)


def test_a_repeated_preparation_is_found_and_its_pixels_are_the_same_if_they_are_not_kept(tmp_path: Path) -> None:
    wanted = Wanted(preparation=Preparation(size=9, fit="pad", fill=(1, 2, 3)))
    kept = prepare(tmp_path, CONTENT, wanted)
    assert prepare(tmp_path, CONTENT, wanted) == kept
    streamed = prepare(tmp_path, CONTENT, wanted, limit=10)
    assert streamed.streamed
    assert (streamed.fingerprint, streamed.pixels) == (kept.fingerprint, kept.pixels)
    assert (streamed.load("train").images_NHWC[:] == kept.load("train").images_NHWC).all()


def test_other_bytes_are_other_content_even_if_their_pixels_are_equal(tmp_path: Path) -> None:
    png, bmp = (prepare(tmp_path, [file(value, form) for value in range(30)], image_size=8) for form in ("PNG", "BMP"))
    assert png.pixels == bmp.pixels
    assert png.fingerprint != bmp.fingerprint


def test_arrays_have_a_fingerprint_over_bytes_shape_labels_ids_and_classes(tmp_path: Path) -> None:
    def fingerprint(
        images: np.ndarray, labels: np.ndarray, ids: list[str], classes: tuple[str, ...] = ("a", "b")
    ) -> str:
        splits = Splits(classes=classes, train=Split(images=images, labels=labels, ids=ids))
        dataset = Dataset(name="x", load=lambda request: splits, channels=images.shape[3])
        spec = DatasetSpec(full_name="t/x", display_name="x", provider=ProviderSpec(plugin="t"), image_size=4)
        where = DataSettings(data_root=tmp_path, cache=tmp_path / "cache")
        return prepare_data(dataset, spec, where, report=lambda *_: None, num_workers=1).fingerprint

    images = np.random.default_rng(0).integers(0, 256, (20, 4, 9, 1), dtype=np.uint8)
    labels, ids = np.arange(20) % 2, [str(i) for i in range(20)]
    changed = images.copy()
    changed[7, 1, 1, 0] ^= 1
    found = {
        fingerprint(images, labels, ids),
        fingerprint(changed, labels, ids),
        fingerprint(images.reshape(20, 9, 4, 1), labels, ids),
        fingerprint(images, labels[::-1].copy(), ids),
        fingerprint(images, labels, ids[::-1]),
        fingerprint(images, labels, ids, ("a", "c")),
    }
    assert len(found) == 6
    assert fingerprint(images.copy(), labels, ids) in found
