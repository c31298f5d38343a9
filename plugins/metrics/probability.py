"""Metrics of the predicted probabilities (softmax of the logits). Shape suffixes: N images, K classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.metric import Predictions

NUM_BINS = 15  # as in Guo et al.


def nll(predictions: Predictions) -> float:
    """Return the mean negative log-likelihood of the labels in nats: cross-entropy without label smoothing.

    It is computed from the logits, so that it stays finite even if a probability rounds to 0.
    """
    return float(nll_of_images(predictions).mean())


def nll_of_images(predictions: Predictions) -> NDArray[np.float64]:
    """Return ``[N]``: the negative log-likelihood of the label of each image."""
    import numpy as np

    logits = predictions.logits.astype(np.float64)
    own_N = np.take_along_axis(logits, predictions.labels[:, None], axis=1)[:, 0]
    return log_sum_exp(logits) - own_N


def log_sum_exp(logits_NK: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``[N]``: the logarithm of the sum of the exponentials of each row; −inf if all of a row is.

    By hand, because SciPy would be imported by every trial for it: a fifth of the time that torch takes.
    """
    import numpy as np

    rows, best_N = np.arange(len(logits_NK)), logits_NK.argmax(axis=1)
    highest_N = logits_NK[rows, best_N]
    with np.errstate(over="ignore"):  # beside an infinite one
        others_NK = np.exp(logits_NK - np.where(np.isfinite(highest_N), highest_N, 0.0)[:, None])
    others_NK[rows, best_N] = 0  # its term is 1, beside which small ones would lose their digits
    total_N: NDArray[np.float64] = highest_N + np.log1p(others_NK.sum(axis=1))
    return total_N


def brier(predictions: Predictions) -> float:
    """Return the mean squared distance between the probabilities and the one-hot labels.

    It is summed over classes, as in Brier, "Verification of forecasts expressed in terms of probability", 1950, and
    lies between 0 and 2. For two classes, it is half of that, the squared error of the probability of class 1, as is
    usual.
    """
    return float(squared_errors(predictions).mean())


def squared_errors(predictions: Predictions) -> NDArray[np.float64]:
    """Return ``[N]``: the squared error of the probabilities of each image; see :func:`brier`."""
    import numpy as np

    probabilities, labels = predictions.probabilities, predictions.labels
    own_N = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    # |p - e|² = |p|² - 2 p_label + 1
    total_N: NDArray[np.float64] = (probabilities**2).sum(axis=1) - 2 * own_N + 1
    return total_N / 2 if probabilities.shape[1] == 2 else total_N


def expected_calibration_error(predictions: Predictions) -> float:
    """Return the gap between confidence and accuracy, over 15 equally wide bins of confidence.

    Confidence is the highest probability. Bins include their upper edge but not their lower one, and are weighted by
    their numbers of images. If several classes tie for the highest probability, the image counts by its expected value.
    Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    import numpy as np

    logits, labels = predictions.logits, predictions.labels
    confidence_N = predictions.probabilities.max(axis=1)
    is_top_NK = logits == logits.max(axis=1, keepdims=True)
    right_N = is_top_NK[np.arange(len(labels)), labels] / is_top_NK.sum(axis=1)
    bins_N = np.clip(np.ceil(confidence_N * NUM_BINS).astype(int) - 1, 0, NUM_BINS - 1)
    gaps = np.bincount(bins_N, weights=right_N - confidence_N, minlength=NUM_BINS)
    return float(np.abs(gaps).sum() / len(labels))
