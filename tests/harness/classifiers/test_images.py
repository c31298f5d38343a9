"""Images for verifying an export: from the cache by fingerprint, or from a folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.classifiers.images import cached_test_images, cached_training_images, folder_images, spread_images
from harness.classifiers.trained import TrainedClassifier, load_trained
from harness.data.images import ImageSet
from zoo import Catalog
from zoo.errors import UsageError
from zoo.files.cache import decoded_root


@pytest.fixture(scope="module")
def trial(train_trial: Callable[..., Path], catalog: Catalog) -> Path:
    return train_trial(catalog)


@pytest.fixture
def classifier(trial: Path, catalog: Catalog) -> TrainedClassifier:
    return load_trained(trial, catalog)


def test_images_come_from_a_folder_where_the_test_split_is_not_in_the_cache(
    classifier: TrainedClassifier, photo_folder: Path, tmp_path: Path
) -> None:
    assert cached_test_images(classifier.card, tmp_path, 5) is None
    assert folder_images(classifier.card, photo_folder / "test", 5).shape == (5, 16, 16, 3)
    with pytest.raises(UsageError, match="none of its 0 image file"):
        folder_images(classifier.card, tmp_path, 5)


def test_files_of_a_folder_that_are_left_out_are_counted(
    classifier: TrainedClassifier, photo_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "calibration"
    shutil.copytree(photo_folder / "test", folder)
    (folder / "notes.txt").write_text("not an image")
    (folder / "a.png").write_bytes(b"cut short")
    told: list[str] = []
    folder_images(classifier.card, folder, 100, option="--calibration", tell=told.append)
    assert told[0] == f"--calibration {folder}: 1 file left out because it is not an image: 1 .txt"
    assert told[1].startswith(f"--calibration {folder}: 1 image file left out: {folder / 'a.png'}: ")
    assert len(told) == 2


def test_a_folder_without_a_readable_image_says_what_it_holds(classifier: TrainedClassifier, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not an image")
    with pytest.raises(UsageError, match=r"can be read: 1 file left out because it is not an image: 1 \.txt"):
        folder_images(classifier.card, tmp_path, 5)


def test_the_cache_gives_the_test_and_the_training_images_of_a_trial(classifier: TrainedClassifier) -> None:
    test = cached_test_images(classifier.card, decoded_root(), 1000)
    training = cached_training_images(classifier.card, decoded_root(), 5)
    assert test is not None
    assert training is not None
    assert (test.shape, training.shape) == ((27, 16, 16, 3), (5, 16, 16, 3))
    other = classifier.card.model_copy(update={"fingerprint": "another"})
    assert cached_test_images(other, decoded_root(), 5) is None


def test_images_are_spread_evenly_and_always_the_same() -> None:
    numbers_N = np.arange(10, dtype=np.uint8)
    images = ImageSet(
        images_NHWC=np.broadcast_to(numbers_N[:, None, None, None], (10, 2, 2, 1)),
        labels_N=np.zeros(10, dtype=np.int64),
        samples_N=np.arange(10, dtype=np.uint64),
    )
    assert [int(each[0, 0, 0]) for each in spread_images(images, 4)] == [0, 3, 6, 9]
    assert len(spread_images(images, 99)) == 10


def test_images_of_the_cache_that_were_prepared_in_another_way_are_not_taken(classifier: TrainedClassifier) -> None:
    for changes in ({"image_size": 15}, {"fit": "pad", "fill": (1, 2, 3)}, {"crop_share": 0.9}):
        other = classifier.card.model_copy(update=changes)
        assert cached_test_images(other, decoded_root(), 5) is None
