"""Test images: those of a dataset are a bench's, and a file of labels stands for a dataset that is not at hand."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.data.settings import DataSettings
from harness.data.splitting import hash_ids
from harness.given.test_images import from_dataset, from_labels
from harness.records.spec import DatasetSpec, ProviderSpec
from tests.harness.given.conftest import LABELS, TOY, WriteJson
from zoo.catalog import Catalog
from zoo.dataset import Dataset, Split, Splits
from zoo.errors import DataError


def test_labels_name_the_images_and_the_classes(write_json: WriteJson) -> None:
    images = from_labels(write_json("labels", LABELS), TOY)
    assert images.classes == ("cat", "cow", "dog")
    assert images.labels_N.tolist() == [0, 2, 2, 1]
    assert list(images.ids) == ["a", "b", "c", "d"]
    assert images.samples_N.tolist() == hash_ids(["a", "b", "c", "d"]).tolist()
    assert (images.info.num_test, images.info.num_train, images.info.image_size) == (4, None, None)
    assert len(images) == 4


@pytest.mark.parametrize(
    ("labels", "num_classes", "expected"),
    [
        ([0, 2, 1, 0], None, ("0", "1", "2")),
        ([0, 0, 1, 0], 5, ("0", "1", "2", "3", "4")),
        (["01", "1", "1", "1"], None, ("01", "1")),
        ([7, 90_000, 7, 7], None, ("7", "90000")),
    ],
)
def test_labels_that_number_classes_start_at_0(
    write_json: WriteJson, labels: list[object], num_classes: int | None, expected: tuple[str, ...]
) -> None:
    path = write_json("labels", {"id": list("abcd"), "label": labels})
    assert from_labels(path, TOY, num_classes=num_classes).classes == expected


def test_classes_may_be_named(write_json: WriteJson) -> None:
    path = write_json("labels", {"id": list("abc"), "label": [0, 2, 1]})
    images = from_labels(path, TOY, classes=("x", "y", "z"))
    assert (images.classes, images.labels_N.tolist()) == (("x", "y", "z"), [0, 2, 1])
    with pytest.raises(DataError, match="1 row has a class that the dataset does not have: '2'"):
        from_labels(path, TOY, classes=("x", "y"))


def test_the_same_labels_in_any_order_are_the_same_images_and_others_are_not(write_json: WriteJson) -> None:
    one = from_labels(write_json("one", LABELS), TOY)
    turned = from_labels(write_json("two", dict(reversed(LABELS.items()))), TOY)
    other = from_labels(write_json("three", {**LABELS, "a": "dog"}), TOY)
    assert one.info.fingerprint == turned.info.fingerprint
    assert one.info.fingerprint != other.info.fingerprint


def test_a_doubled_id_or_a_single_class_is_one_sentence(write_json: WriteJson) -> None:
    with pytest.raises(DataError, match=r"labels\.json: 1 id more than once: 'b'"):
        from_labels(write_json("labels", {"id": ["b", "b"], "label": [0, 1]}), TOY)
    with pytest.raises(DataError, match="at least two classes"):
        from_labels(write_json("labels", {"id": ["a", "b"], "label": ["x", "x"]}), TOY)
    with pytest.raises(DataError, match="expected the columns id and label; its columns are id, size"):
        from_labels(write_json("labels", {"id": ["a", "b"], "size": [0, 1]}), TOY)


@pytest.fixture
def digits(catalog: Catalog) -> DatasetSpec:
    return DatasetSpec(
        full_name="zoo/digits", display_name="digits", provider=ProviderSpec(plugin="zoo"), limit_test=20
    )


def test_the_images_of_a_dataset_are_those_that_a_bench_would_test(
    catalog: Catalog, digits: DatasetSpec, tmp_path: Path
) -> None:
    from harness.data.prepare import prepare_data

    dataset = catalog.datasets.get("digits").record
    settings = DataSettings(cache=tmp_path)
    images = from_dataset(dataset, digits, settings, report=lambda message, share: None)
    prepared = prepare_data(dataset, digits, settings, report=lambda message, share: None)
    test = prepared.load("test")
    assert images.info.fingerprint == prepared.fingerprint
    assert images.samples_N.tolist() == test.samples_N.tolist()
    assert images.labels_N.tolist() == test.labels_N.tolist()
    assert hash_ids(list(images.ids)).tolist() == test.samples_N.tolist()
    assert len(images) == 20
    assert len(images.left_out) > 100
    assert not set(images.ids) & images.left_out
    assert images.content is not None
    pixels = np.asarray(test.images_NHWC[0])
    assert (list(images.file_names), images.is_in_published_order) == ([], True)
    assert images.content()[0] == hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def test_file_names_and_the_order_of_images_are_those_of_the_test_split(digits: DatasetSpec, tmp_path: Path) -> None:
    def part(count: int, **facts: Any) -> Split:
        return Split(
            labels=np.arange(count, dtype=np.int64) % 2,
            images=np.random.default_rng(count).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8),
            **facts,
        )

    names = [f"photo_{number}.png" for number in range(30)]
    splits = Splits(
        classes=("cat", "dog"), train=part(40), test=part(30, file_names=names, is_in_published_order=False)
    )
    dataset = Dataset(name="photos", load=lambda request: splits)
    images = from_dataset(dataset, digits, DataSettings(cache=tmp_path), report=lambda message, share: None)
    assert [f"test/{name[6:-4]}" for name in images.file_names] == list(images.ids)
    assert {"test/0", "photo_0.png"} <= images.left_out | set(images.ids) | set(images.file_names)
    assert len(images.left_out) == 20, "10 images by two names each"
    assert not images.is_in_published_order
