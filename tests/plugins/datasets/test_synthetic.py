"""Synthetic images are the same everywhere, learnable, and not trivial."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from zoo import Splits
from zoo.errors import UsageError

Load = Callable[..., Splits]


def test_the_same_options_give_the_same_images_and_another_seed_others(load: Load) -> None:
    first, second, other = (load("synthetic", num_train=100, num_test=10, seed=seed).train.images for seed in (1, 1, 2))
    assert (first == second).all()
    assert (first != other).any()


def test_any_size_class_count_and_channels_can_be_chosen(load: Load) -> None:
    splits = load("synthetic", num_classes=7, size=20, channels=1, num_train=30, num_test=14)
    assert splits.train.images is not None
    assert splits.train.images.shape == (30, 20, 20, 1)
    assert splits.test is not None
    assert np.bincount(splits.test.labels).tolist() == [2] * 7
    assert len(splits.classes) == 7


def test_train_and_test_share_no_image(load: Load) -> None:
    splits = load("synthetic", num_train=200, num_test=200)
    assert splits.test is not None
    train, test = ({image.tobytes() for image in part.images} for part in (splits.train, splits.test))  # type: ignore[union-attr]
    assert not train & test


def test_pixels_alone_tell_little_and_spectra_tell_the_class(load: Load) -> None:
    """A linear model on pixels stays near chance; power spectra, which forget the phase, separate the classes."""
    from sklearn.linear_model import RidgeClassifier

    splits = load("synthetic", num_train=1000, num_test=500, channels=1, size=16, noise=0.5)
    assert splits.test is not None
    train, test = (part.images[..., 0] / 255 - 0.5 for part in (splits.train, splits.test))  # type: ignore[index]

    def accuracy(features: Callable[[np.ndarray], np.ndarray]) -> float:  # type: ignore[type-arg]
        model = RidgeClassifier().fit(features(train), splits.train.labels)
        return float(model.score(features(test), splits.test.labels))  # type: ignore[union-attr]

    assert accuracy(lambda images: images.reshape(len(images), -1)) < 0.3
    assert accuracy(lambda images: np.log(np.abs(np.fft.fft2(images)) + 1).reshape(len(images), -1)) > 0.8


def test_options_out_of_range_are_reported_together(load: Load) -> None:
    with pytest.raises(UsageError, match=r"num_classes(.|\n)*channels"):
        load("synthetic", num_classes=1, channels=2)
