"""Linear heads: logistic regression, nearest class mean and linear discriminant analysis, as layers.

Solvers are scikit-learn's; the nearest class mean needs none. Features are standardised for all of them, and the
standardisation is folded into the weights, so that each head is a plain linear layer on the features as they are.

Shape suffixes: N images, D features, K classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from plugins.recipes.feature_settings import LdaHyperparameters, ProbeHyperparameters
from zoo import FeatureSet, Head

INVERSE_PENALTIES = tuple(10.0**exponent for exponent in range(-5, 4))
"""Candidates for the inverse of the L2 penalty: from almost the class frequencies to almost no penalty."""
SHRINKAGES = (0.0001, 0.001, 0.01, 0.1, 0.5)
"""Candidates beside that of Ledoit and Wolf."""
TEMPERATURES = tuple(10.0**exponent for exponent in np.arange(-4, 2.25, 0.25))
PATIENCE = 3
"""Candidates in a row without a lower validation loss after which the others are not tried; those of the probe take
longer and longer."""
_LEAST_SPREAD = 1e-4
"""Standard deviation of a feature relative to its mean at which it counts as constant. The last bits of features depend
on the batch size, and the folded weights subtract the mean in float32."""
_ABSENT = -1e4
"""Logit of a class without training images."""
_EXACT_VALUES = 10**8
"""Number of values up to which features are fitted in float64, which doubles their memory."""

Array = NDArray[Any]
Candidate = TypeVar("Candidate")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Standardization:
    """Mean and standard deviation of features; a constant feature becomes 0."""

    mean_D: Array
    scale_D: Array

    @classmethod
    def of(cls, features_ND: Array) -> Standardization:
        """Measure training features."""
        mean_D, scale_D = (measure(axis=0, dtype=np.float64) for measure in (features_ND.mean, features_ND.std))
        # What varies by less than float32 can tell, in other batches too, is noise that division would blow up.
        return cls(mean_D=mean_D, scale_D=np.where(scale_D <= _LEAST_SPREAD * np.abs(mean_D), np.inf, scale_D))

    def __call__(self, features_ND: Array) -> Array:
        return np.asarray((features_ND - self.mean_D) / self.scale_D, dtype=features_ND.dtype)

    def fold(self, weight_KD: Array, bias_K: Array) -> tuple[Array, Array]:
        """Return weights and biases for features as they are, given those for standardised ones."""
        folded_KD = weight_KD / self.scale_D
        return folded_KD, bias_K - folded_KD @ self.mean_D


def fit_probe(features: FeatureSet, hp: ProbeHyperparameters) -> Head:
    """Return a multinomial logistic regression with the L2 penalty of the lowest validation loss."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    train_ND = _precise(features.train_ND)
    standardize = Standardization.of(train_ND)
    rotated, rotation = _rotated(standardize(train_ND))

    def fitted(inverse_penalty: float) -> tuple[Array, Array]:
        solver = LogisticRegression(C=inverse_penalty, max_iter=hp.max_iterations)
        with warnings.catch_warnings():  # without a penalty to speak of, separable classes have no optimum
            warnings.simplefilter("ignore", ConvergenceWarning)
            solver.fit(rotated, features.train_labels_N)
        weights, bias_K = _for_all_classes(solver, features.num_classes)
        return standardize.fold(weights if rotation is None else weights @ rotation, bias_K)

    candidates = (hp.inverse_penalty,) if hp.inverse_penalty else INVERSE_PENALTIES
    (weight_KD, bias_K), chosen = _best(features, fitted, candidates, otherwise=1.0)
    return _head(weight_KD, bias_K, {"inverse_penalty": chosen})


def fit_lda(features: FeatureSet, hp: LdaHyperparameters) -> Head:
    """Return a linear discriminant analysis with the shrinkage of the lowest validation loss.

    Raises:
        ValueError: If there are no more images than classes, so that there is no covariance within classes.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    present = len(np.unique(features.train_labels_N))
    if len(features.train_labels_N) <= present:
        raise ValueError(
            f"{len(features.train_labels_N)} training images of {present} classes have no covariance within a class; "
            "expected at least two images of some class"
        )
    train_ND = _precise(features.train_ND)
    standardize = Standardization.of(train_ND)
    scaled_ND = standardize(train_ND)

    def fitted(shrinkage: float | str) -> tuple[Array, Array]:
        solver = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage)
        solver.fit(scaled_ND, features.train_labels_N)
        return standardize.fold(*_for_all_classes(solver, features.num_classes))

    candidates: tuple[float | str, ...] = ("auto", *SHRINKAGES) if hp.shrinkage < 0 else (hp.shrinkage,)
    (weight_KD, bias_K), chosen = _best(features, fitted, candidates, otherwise="auto")
    return _head(weight_KD, bias_K, {"shrinkage": chosen})


def fit_ncm(features: FeatureSet) -> Head:
    """Return a nearest-class-mean classifier of standardised features.

    A logit is the negative half of the squared distance to the mean of a class, times a temperature, without the part
    that all classes share.
    """
    train_ND = _precise(features.train_ND)
    standardize = Standardization.of(train_ND)
    scaled_ND = standardize(train_ND)
    labels = np.unique(features.train_labels_N)
    means = np.stack([scaled_ND[features.train_labels_N == label].mean(axis=0) for label in labels])
    weight_KD = np.zeros((features.num_classes, means.shape[1]))
    bias_K = np.full(features.num_classes, _ABSENT)
    weight_KD[labels], bias_K[labels] = means, -0.5 * (means**2).sum(axis=1)

    def fitted(temperature: float) -> tuple[Array, Array]:
        scaled_K = np.where(np.isin(np.arange(features.num_classes), labels), temperature * bias_K, _ABSENT)
        return standardize.fold(temperature * weight_KD, scaled_K)

    (weight_KD, bias_K), chosen = _best(features, fitted, TEMPERATURES, otherwise=1 / means.shape[1])
    return _head(weight_KD, bias_K, {"temperature": chosen})


def _rotated(scaled_ND: Array) -> tuple[Array, Array | None]:
    """Return images in as many dimensions as they span, and the rotation ``[N, D]`` into these; None: in all of theirs.

    With an L2 penalty, weights lie in the span of the training images, so that the optimum is the same.
    """
    if scaled_ND.shape[0] >= scaled_ND.shape[1]:
        return scaled_ND, None
    left_NN, lengths_N, rotation_ND = np.linalg.svd(scaled_ND, full_matrices=False)
    return left_NN * lengths_N, rotation_ND


def _best(
    features: FeatureSet,
    fitted: Callable[[Candidate], tuple[Array, Array]],
    candidates: Iterable[Candidate],
    *,
    otherwise: Candidate,
) -> tuple[tuple[Array, Array], Candidate]:
    """Return the weights of the candidate with the lowest validation loss, and the candidate; the first of equals.

    Candidates that come after :data:`PATIENCE` ones in a row without improvement are not tried.

    Args:
        otherwise: The candidate to take if there are several and no validation images.
    """
    candidates = list(candidates)
    if len(candidates) > 1 and not len(features.val_labels_N):
        candidates = [otherwise]
    best, lowest, waited = None, np.inf, 0
    for each in candidates:
        weight_KD, bias_K = fitted(each)
        loss = _loss(weight_KD, bias_K, features) if len(candidates) > 1 else 0.0
        if best is None or loss < lowest:
            best, lowest, waited = ((weight_KD, bias_K), each), loss, 0
        else:
            waited += 1
            if waited == PATIENCE:
                break
    assert best is not None, "there is a candidate"
    return best


def _loss(weight_KD: Array, bias_K: Array, features: FeatureSet) -> float:
    """Return the mean cross-entropy over the validation images."""
    logits_NK = features.val_ND.astype(np.float64) @ weight_KD.T + bias_K
    logits_NK -= logits_NK.max(axis=1, keepdims=True)
    true_N = np.take_along_axis(logits_NK, features.val_labels_N[:, None], axis=1)[:, 0]
    return float((np.log(np.exp(logits_NK).sum(axis=1)) - true_N).mean())


def _for_all_classes(solver: Any, num_classes: int) -> tuple[Array, Array]:
    """Return a fitted solver's weights ``[K, D]`` and biases ``[K]``; it knows only classes with training images."""
    coefficients, intercept = np.asarray(solver.coef_), np.asarray(solver.intercept_)
    if len(coefficients) == 1:  # of two classes, it has the difference
        coefficients = np.concatenate([-coefficients / 2, coefficients / 2])
        intercept = np.concatenate([-intercept / 2, intercept / 2])
    weight_KD = np.zeros((num_classes, coefficients.shape[1]))
    bias_K = np.full(num_classes, _ABSENT)
    weight_KD[solver.classes_], bias_K[solver.classes_] = coefficients, intercept
    return weight_KD, bias_K


def _precise(features_ND: Array) -> Array:
    return features_ND.astype(np.float64) if features_ND.size <= _EXACT_VALUES else features_ND


def _head(weight_KD: Array, bias_K: Array, chosen: dict[str, float | str]) -> Head:
    layer = nn.Linear(weight_KD.shape[1], weight_KD.shape[0])
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.asarray(weight_KD, dtype=np.float32)))
        layer.bias.copy_(torch.from_numpy(np.asarray(bias_K, dtype=np.float32)))
    return Head(module=layer, chosen=chosen)
