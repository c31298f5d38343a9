"""Nearest neighbours as a layer: the votes that scikit-learn counts, from tensors alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from plugins.recipes.feature_settings import KnnHyperparameters
from plugins.recipes.neighbors import Neighbors, fit_knn
from zoo import FeatureSet


def digits() -> tuple[FeatureSet, np.ndarray]:
    """Training and validation images of digits as features, and test images."""
    pixels, labels = load_digits(return_X_y=True)
    pixels = (pixels / 16 - 0.3).astype(np.float32)
    features = FeatureSet(
        train_ND=pixels[:900],
        train_labels_N=labels[:900].astype(np.int64),
        val_ND=pixels[900:1000],
        val_labels_N=labels[900:1000].astype(np.int64),
        num_classes=10,
    )
    return features, pixels[1000:]


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("weighting", ["uniform", "distance"])
@pytest.mark.parametrize("number", [1, 5, 20])
def test_it_predicts_what_scikit_learn_does(number: int, weighting: str, distance: str) -> None:
    features, test_ND = digits()
    hp = KnnHyperparameters(neighbors=number, weighting=weighting, distance=distance)
    head = fit_knn(features, hp)
    logits_NK = head.module(torch.from_numpy(test_ND))
    reference = KNeighborsClassifier(number, weights=weighting, metric=distance)
    reference.fit(features.train_ND.astype(np.float64), features.train_labels_N)
    np.testing.assert_array_equal(logits_NK.argmax(dim=1).numpy(), reference.predict(test_ND.astype(np.float64)))


def test_number_and_weighting_are_those_of_the_highest_validation_accuracy() -> None:
    features, _ = digits()
    head = fit_knn(features, KnnHyperparameters())

    def accuracy(number: int, weighting: str) -> float:
        one = fit_knn(features, KnnHyperparameters(neighbors=number, weighting=weighting)).module
        found = one(torch.from_numpy(features.val_ND)).argmax(dim=1).numpy()
        return float((found == features.val_labels_N).mean())

    best = max(accuracy(number, weighting) for number in (1, 3, 5, 10, 20, 50) for weighting in ("uniform", "distance"))
    assert accuracy(int(head.chosen["neighbors"]), str(head.chosen["weighting"])) == best


def test_an_equal_image_outvotes_all_others_by_distance() -> None:
    bank = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]])
    layer = Neighbors(bank, torch.eye(2)[[0, 1, 1]], num_neighbors=3, by_distance=True, cosine=False)
    assert layer(torch.tensor([[1.0, 0.0]])).argmax() == 0
    probabilities = layer(torch.tensor([[1.0, 0.0]])).softmax(dim=1)
    torch.testing.assert_close(probabilities, torch.tensor([[3.5 / 4, 0.5 / 4]]))


def test_it_is_made_empty_from_shapes_and_filled() -> None:
    features, test_ND = digits()
    module = fit_knn(features, KnnHyperparameters(neighbors=7, weighting="distance")).module
    again = Neighbors.empty({name: tuple(value.shape) for name, value in module.state_dict().items()})
    again.load_state_dict(module.state_dict())
    assert torch.equal(again(torch.from_numpy(test_ND)), module(torch.from_numpy(test_ND)))


def test_more_neighbours_than_images_are_refused() -> None:
    features, _ = digits()
    with pytest.raises(ValueError, match="neighbors = 1000: expected at most 900, the number of training images, or 0"):
        fit_knn(features, KnnHyperparameters(neighbors=1000))


def test_without_validation_images_the_first_choice_is_taken() -> None:
    features, _ = digits()
    none = FeatureSet(
        train_ND=features.train_ND,
        train_labels_N=features.train_labels_N,
        val_ND=features.val_ND[:0],
        val_labels_N=features.val_labels_N[:0],
        num_classes=10,
    )
    assert fit_knn(none, KnnHyperparameters()).chosen == {"neighbors": 1, "weighting": "uniform"}
