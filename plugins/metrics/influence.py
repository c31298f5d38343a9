"""Influence: the value of a metric plus how far each image moves it, so that the mean over images is the value.

To first order, a metric of other images of the same kind is the mean of these numbers over them (Hampel, "The influence
curve and its role in robust estimation", JASA 1974), so their spread over images is the standard error that a bootstrap
over images estimates, without resampling (the infinitesimal jackknife; Efron, "Nonparametric estimates of standard
error", Biometrika 1981). For the area under the ROC curve, they are the structural components of DeLong, DeLong and
Clarke-Pearson (Biometrics 1988).

Every function returns ``[N]``. Shape suffixes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from plugins.metrics import confusion, probability, ranking

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.metric import Predictions

    Floats = NDArray[np.float64]


def accuracy(predictions: Predictions) -> Floats:
    """Return how correct each image is."""
    import numpy as np

    labels = predictions.labels
    correct_N: Floats = _predicted(predictions)[np.arange(len(labels)), labels]
    return correct_N


def balanced_accuracy(predictions: Predictions) -> Floats:
    """Return ``[N]`` for the mean recall over the classes that have images."""
    import numpy as np

    recalls_K = confusion.per_class_recall(predictions)
    occurs_K = ~np.isnan(recalls_K)
    return _of_recalls(predictions, np.nan_to_num(recalls_K), occurs_K / occurs_K.sum())


def macro_recall(predictions: Predictions) -> Floats:
    """Return ``[N]`` for the mean recall over the classes that occur."""
    import numpy as np

    return _of_recalls(predictions, np.nan_to_num(confusion.per_class_recall(predictions)), _macro_weights(predictions))


def macro_precision(predictions: Predictions) -> Floats:
    """Return ``[N]`` for the mean precision over the classes that occur."""
    import numpy as np

    weights_K = _macro_weights(predictions)
    precision_K = np.nan_to_num(confusion.per_class_precision(predictions))
    per_image_K = _shares(weights_K, predictions.confusion.sum(axis=0))
    moved_N = accuracy(predictions) * per_image_K[predictions.labels]
    moved_N -= _predicted(predictions) @ (precision_K * per_image_K)
    moved: Floats = weights_K @ precision_K + len(moved_N) * moved_N
    return moved


def macro_f1(predictions: Predictions) -> Floats:
    """Return ``[N]`` for the mean F1 over the classes that occur."""
    return _of_f1(predictions, _macro_weights(predictions))


def weighted_f1(predictions: Predictions) -> Floats:
    """Return ``[N]`` for the mean F1 weighted by images; an image also moves the weights."""
    import numpy as np

    images_K = predictions.confusion.sum(axis=1)
    f1_K = np.nan_to_num(confusion.per_class_f1(predictions))
    moved_N: Floats = _of_f1(predictions, images_K / images_K.sum()) + f1_K[predictions.labels]
    return moved_N - f1_K @ images_K / images_K.sum()


def binary_f1(predictions: Predictions) -> Floats:
    """Return ``[N]`` for the F1 of class 1."""
    import numpy as np

    return _of_f1(predictions, np.array([0.0, 1.0]))


def matthews_corrcoef(predictions: Predictions) -> Floats:
    """Return ``[N]`` for the correlation between labels and predictions."""
    import numpy as np

    value = confusion.matthews_corrcoef(predictions)
    shares = predictions.confusion / predictions.confusion.sum()
    labels_K, predicted_K, right = shares.sum(axis=1), shares.sum(axis=0), shares.trace()
    of_labels, of_predictions = 1 - labels_K @ labels_K, 1 - predicted_K @ predicted_K
    scale = (of_labels * of_predictions) ** 0.5
    if min(of_labels, of_predictions) <= 1e-12:  # as in the metric
        return np.full(len(predictions.labels), value)
    predicted_NK = _predicted(predictions)
    label_moves_N = labels_K[predictions.labels]
    covariance_N = accuracy(predictions) - right - predicted_K[predictions.labels] - predicted_NK @ labels_K
    covariance_N += 2 * labels_K @ predicted_K
    spread_N = (labels_K @ labels_K - label_moves_N) / of_labels
    spread_N = spread_N + (predicted_K @ predicted_K - predicted_NK @ predicted_K) / of_predictions
    moved_N: Floats = value + covariance_N / scale - value * spread_N
    return moved_N


def top_k(k: int) -> Callable[[Predictions], Floats]:
    """Return a function: how likely the label of each image is among the *k* highest logits."""
    return ranking.top_k_hits(k)


def nll(predictions: Predictions) -> Floats:
    """Return the negative log-likelihood of the label of each image."""
    return probability.nll_of_images(predictions)


def brier(predictions: Predictions) -> Floats:
    """Return the squared error of the probabilities of each image."""
    return probability.squared_errors(predictions)


def roc_auc(predictions: Predictions) -> Floats:
    """Return ``[N]`` for the area under the ROC curve; for more than two classes, the mean over classes."""
    import numpy as np

    labels, num_classes = predictions.labels, predictions.logits.shape[1]
    if num_classes == 2:
        return _of_area(ranking.margin(predictions), labels == 1)
    odds_NK = ranking.log_odds(predictions.logits)
    return np.mean([_of_area(odds_NK[:, k], labels == k) for k in range(num_classes)], axis=0)


def average_precision(predictions: Predictions) -> Floats:
    """Return ``[N]`` for the area under the precision-recall curve of class 1.

    An image moves it through the weight of its own threshold, if it is of class 1, and through the precision at all
    thresholds that its score reaches.
    """
    import numpy as np

    scores_N, is_positive_N = ranking.margin(predictions), predictions.labels == 1
    values, place_N = np.unique(scores_N, return_inverse=True)  # ascending
    positives_V = np.bincount(place_N, weights=is_positive_N, minlength=len(values))
    images_V = np.bincount(place_N, minlength=len(values))
    reached_V, hits_V = np.cumsum(images_V[::-1])[::-1], np.cumsum(positives_V[::-1])[::-1]
    precision_V, total = hits_V / reached_V, positives_V.sum()
    value = positives_V @ precision_V / total
    own_N = is_positive_N * (precision_V[place_N] - value) / total
    # Over the thresholds that an image reaches: those of its score and below.
    lifted_V = np.cumsum(positives_V / reached_V) / total
    lowered_V = np.cumsum(positives_V * precision_V / reached_V) / total
    through_N = is_positive_N * lifted_V[place_N] - lowered_V[place_N]
    moved_N: Floats = value + len(scores_N) * (own_N + through_N)
    return moved_N


def _of_area(scores_N: Floats, is_positive_N: NDArray[np.bool_]) -> Floats:
    """Return ``[N]``: the area, plus the structural component of each image."""
    import numpy as np

    num_images, positives = len(scores_N), int(is_positive_N.sum())
    negatives = num_images - positives
    if positives == 0 or negatives == 0:
        return np.full(num_images, np.nan)
    components_N = np.empty(num_images)
    for group, others, sign in ((is_positive_N, ~is_positive_N, 1), (~is_positive_N, is_positive_N, -1)):
        ordered = np.sort(sign * scores_N[others])
        own = sign * scores_N[group]
        below = np.searchsorted(ordered, own, "left") + np.searchsorted(ordered, own, "right")
        components_N[group] = below / (2 * len(ordered))
    area = components_N[is_positive_N].mean()
    size_N = np.where(is_positive_N, positives, negatives)
    moved_N: Floats = area + num_images / size_N * (components_N - area)
    return moved_N


def _of_f1(predictions: Predictions, weights_K: Floats) -> Floats:
    """Return ``[N]`` for the F1 of the classes, weighted by *weights_K*."""
    import numpy as np

    f1_K = np.nan_to_num(confusion.per_class_f1(predictions))
    counts_K = predictions.confusion.sum(axis=0) + predictions.confusion.sum(axis=1)
    per_image_K = _shares(weights_K, counts_K)
    predicted_NK, labels = _predicted(predictions), predictions.labels
    moved_N = -predicted_NK @ (f1_K * per_image_K)
    moved_N += (2 * accuracy(predictions) - f1_K[labels]) * per_image_K[labels]
    moved: Floats = weights_K @ f1_K + len(labels) * moved_N
    return moved


def _of_recalls(predictions: Predictions, recalls_K: Floats, weights_K: Floats) -> Floats:
    """Return ``[N]`` for the recalls of the classes, weighted by *weights_K*."""
    labels = predictions.labels
    per_image_K = _shares(weights_K, predictions.confusion.sum(axis=1))
    moved_N: Floats = (accuracy(predictions) - recalls_K[labels]) * per_image_K[labels]
    return weights_K @ recalls_K + len(labels) * moved_N


def _macro_weights(predictions: Predictions) -> Floats:
    """Return ``[K]``: the weight of each class in a mean over the classes that have an image or a prediction."""
    occurs_K = (predictions.confusion.sum(axis=0) + predictions.confusion.sum(axis=1)) > 0
    weights_K: Floats = occurs_K / occurs_K.sum()
    return weights_K


def _shares(weights_K: Floats, counts_K: Floats) -> Floats:
    import numpy as np

    return np.divide(weights_K, counts_K, out=np.zeros(len(counts_K)), where=counts_K > 0)


def _predicted(predictions: Predictions) -> Floats:
    """Return ``[N, K]``: how likely each class is predicted, split evenly among tied logits."""
    is_top_NK = predictions.logits == predictions.logits.max(axis=1, keepdims=True)
    predicted_NK: Floats = is_top_NK / is_top_NK.sum(axis=1, keepdims=True)
    return predicted_NK
