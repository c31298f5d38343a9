"""Linear heads predict what scikit-learn does, with the standardisation folded into their weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from plugins.recipes.feature_settings import LdaHyperparameters, ProbeHyperparameters
from plugins.recipes.linear_heads import INVERSE_PENALTIES, SHRINKAGES, fit_lda, fit_ncm, fit_probe
from zoo import FeatureSet, Head


def digits(num_classes: int = 10) -> tuple[FeatureSet, np.ndarray]:
    """Digits as features; 8 × 8 pixels, of which some are 0 in every image."""
    pixels, labels = load_digits(n_class=num_classes, return_X_y=True)
    pixels, labels = (pixels / 16 - 0.3).astype(np.float32), labels.astype(np.int64)
    third = len(labels) // 3
    features = FeatureSet(
        train_ND=pixels[:third],
        train_labels_N=labels[:third],
        val_ND=pixels[third : 2 * third],
        val_labels_N=labels[third : 2 * third],
        num_classes=num_classes,
    )
    return features, pixels[2 * third :]


def logits(head: Head, features_ND: np.ndarray) -> np.ndarray:
    return head.module(torch.from_numpy(features_ND)).detach().numpy()


def fitted(reference: Any, features: FeatureSet) -> Any:
    model = make_pipeline(StandardScaler(), reference)
    return model.fit(features.train_ND.astype(np.float64), features.train_labels_N)


@pytest.mark.parametrize("num_classes", [2, 10])
def test_the_probe_predicts_what_scikit_learn_does_to_the_image(num_classes: int) -> None:
    features, test_ND = digits(num_classes)
    head = fit_probe(features, ProbeHyperparameters())
    reference = fitted(LogisticRegression(C=float(head.chosen["inverse_penalty"]), max_iter=1000), features)
    np.testing.assert_array_equal(logits(head, test_ND).argmax(axis=1), reference.predict(test_ND.astype(np.float64)))
    probabilities = torch.from_numpy(logits(head, test_ND)).softmax(dim=1).numpy()
    np.testing.assert_allclose(probabilities, reference.predict_proba(test_ND.astype(np.float64)), atol=1e-4)


def test_more_features_than_images_give_scikit_learns_probabilities_too() -> None:
    features, test_ND = digits()
    few = replace(features, train_ND=features.train_ND[:40], train_labels_N=features.train_labels_N[:40])
    for penalty in (0.001, 1.0):
        head = fit_probe(few, ProbeHyperparameters(inverse_penalty=penalty))
        reference = fitted(LogisticRegression(C=penalty, max_iter=1000, tol=1e-8), few)
        probabilities = torch.from_numpy(logits(head, test_ND)).softmax(dim=1).numpy()
        np.testing.assert_allclose(probabilities, reference.predict_proba(test_ND.astype(np.float64)), atol=1e-2)


def test_the_penalty_is_that_of_the_lowest_validation_loss() -> None:
    features, _ = digits()
    head = fit_probe(features, ProbeHyperparameters())
    losses = {
        each: log_loss(
            features.val_labels_N,
            fitted(LogisticRegression(C=each, max_iter=1000), features).predict_proba(
                features.val_ND.astype(np.float64)
            ),
        )
        for each in INVERSE_PENALTIES
    }
    assert head.chosen["inverse_penalty"] == min(losses, key=lambda each: losses[each])


def test_a_penalty_that_is_set_is_used() -> None:
    features, _ = digits()
    assert fit_probe(features, ProbeHyperparameters(inverse_penalty=0.5)).chosen == {"inverse_penalty": 0.5}


@pytest.mark.filterwarnings("ignore:self.within_class_std_dev_ has at least 1 zero:UserWarning")
def test_the_nearest_class_mean_is_scikit_learns() -> None:
    features, test_ND = digits()
    head = fit_ncm(features)
    reference = fitted(NearestCentroid(), features)
    np.testing.assert_array_equal(logits(head, test_ND).argmax(axis=1), reference.predict(test_ND.astype(np.float64)))


@pytest.mark.parametrize("num_classes", [2, 10])
def test_linear_discriminant_analysis_is_scikit_learns(num_classes: int) -> None:
    features, test_ND = digits(num_classes)
    head = fit_lda(features, LdaHyperparameters())
    assert head.chosen["shrinkage"] in ("auto", *SHRINKAGES)
    reference = fitted(LinearDiscriminantAnalysis(solver="lsqr", shrinkage=head.chosen["shrinkage"]), features)
    np.testing.assert_array_equal(logits(head, test_ND).argmax(axis=1), reference.predict(test_ND.astype(np.float64)))


def test_one_image_a_class_has_no_covariance() -> None:
    features, _ = digits()
    first = np.array([int(np.argmax(features.train_labels_N == label)) for label in range(10)])
    few = replace(features, train_ND=features.train_ND[first], train_labels_N=features.train_labels_N[first])
    with pytest.raises(ValueError, match="10 training images of 10 classes have no covariance"):
        fit_lda(few, LdaHyperparameters())
    assert logits(fit_probe(few, ProbeHyperparameters()), features.val_ND).shape == (599, 10)


@pytest.mark.parametrize("fit", [fit_probe, fit_lda, lambda features, hp: fit_ncm(features)])
def test_a_class_without_training_images_is_never_predicted(fit: Any) -> None:
    features, test_ND = digits()
    is_other_N = features.train_labels_N != 3
    some = replace(features, train_ND=features.train_ND[is_other_N], train_labels_N=features.train_labels_N[is_other_N])
    hp = LdaHyperparameters() if fit is fit_lda else ProbeHyperparameters()
    found_NK = logits(fit(some, hp), test_ND)
    assert found_NK.shape == (len(test_ND), 10)
    assert np.isfinite(found_NK).all()
    assert 3 not in found_NK.argmax(axis=1)


def test_without_validation_images_nothing_is_chosen() -> None:
    features, _ = digits()
    none = replace(features, val_ND=features.val_ND[:0], val_labels_N=features.val_labels_N[:0])
    assert fit_probe(none, ProbeHyperparameters()).chosen == {"inverse_penalty": 1.0}
    assert fit_lda(none, LdaHyperparameters()).chosen == {"shrinkage": "auto"}


@pytest.mark.parametrize("fit", [lambda features: fit_probe(features, ProbeHyperparameters()), fit_ncm])
def test_the_last_bits_of_a_feature_that_is_constant_otherwise_decide_nothing(fit: Any) -> None:
    """They differ between batch sizes: networks with random weights seemed to mix the images of a batch."""
    features, test_ND = digits()
    rng = np.random.default_rng(0)

    def with_noise(values_ND: np.ndarray) -> np.ndarray:
        noise_N1 = 100 + rng.normal(0, 1e-5, size=(len(values_ND), 1)).astype(np.float32)
        return np.hstack([values_ND, noise_N1]).astype(np.float32)

    noisy = replace(features, train_ND=with_noise(features.train_ND), val_ND=with_noise(features.val_ND))
    head = fit(noisy)
    one, other = (logits(head, with_noise(test_ND)) for _ in range(2))
    np.testing.assert_allclose(one, other, atol=1e-4 * float(one.std()))
