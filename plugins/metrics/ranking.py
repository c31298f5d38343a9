"""Metrics of the order of scores. Tied scores count as their expected value over random orders.

Scores are differences of logits rather than probabilities: softmax rounds confident probabilities to 1, which would
create ties. Shape suffixes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from plugins.metrics.probability import log_sum_exp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.metric import Predictions


def top_k(k: int) -> Callable[[Predictions], float]:
    """Return a metric: the share of images with the label among the *k* highest logits.

    It is NaN for *k* classes or fewer, for which it would be 1 for any model. If the label ties with others at the k-th
    place, the image counts as the probability that a random order puts it among the first k.
    """
    hits_of = top_k_hits(k)

    def compute(predictions: Predictions) -> float:
        return float("nan") if predictions.logits.shape[1] <= k else float(hits_of(predictions).mean())

    return compute


def top_k_hits(k: int) -> Callable[[Predictions], NDArray[np.float64]]:
    """Return a function that gives ``[N]``: how likely the label of each image is among the *k* highest logits."""

    def compute(predictions: Predictions) -> NDArray[np.float64]:
        import numpy as np

        logits = predictions.logits
        own_N1 = np.take_along_axis(logits, predictions.labels[:, None], axis=1)
        higher_N = (logits > own_N1).sum(axis=1)
        equal_N = (logits == own_N1).sum(axis=1)  # at least 1: itself
        hits_N: NDArray[np.float64] = np.clip((k - higher_N) / equal_N, 0.0, 1.0)
        return hits_N

    return compute


def roc_auc(predictions: Predictions) -> float:
    """Return the area under the ROC curve; for more than two classes, the mean over each class against the rest.

    It is the probability that a random image of the class scores higher than a random other image, with ties counting
    half (Hanley and McNeil, 1982). It is NaN if a class has no images, or all of them.
    """
    import numpy as np

    labels, num_classes = predictions.labels, predictions.logits.shape[1]
    if num_classes < 2:
        return float("nan")
    if num_classes == 2:
        return _area(margin(predictions), labels == 1)
    log_odds_NK = log_odds(predictions.logits)
    areas = [_area(log_odds_NK[:, k], labels == k) for k in range(num_classes)]
    return float(np.mean(areas))


def average_precision(predictions: Predictions) -> float:
    """Return the area under the precision-recall curve of class 1; NaN if it has no images.

    Precision is taken at each distinct score and weighted by the recall gained there, without interpolation (Davis
    and Goadrich, "The relationship between precision-recall and ROC curves", 2006).
    """
    import numpy as np

    _, hits, alarms = _curve(margin(predictions), predictions.labels == 1)
    if hits[-1] == 0:
        return float("nan")
    recall = np.concatenate([[0.0], hits / hits[-1]])
    return float(np.sum(np.diff(recall) * hits / (hits + alarms)))


def best_threshold(predictions: Predictions) -> float:
    """Return the probability threshold for class 1 that maximises sensitivity + specificity.

    It maximises Youden's index (Youden, "Index for rating diagnostic tests", 1950). Of several best thresholds, it is
    the one nearest 0.5. It is NaN if a class has no images, or if no threshold is better than chance. Because it is
    chosen on the test images, it describes the scores, and is not a threshold at which to report accuracy.
    """
    import numpy as np

    scores, hits, alarms = _curve(margin(predictions), predictions.labels == 1)
    if hits[-1] == 0 or alarms[-1] == 0:
        return float("nan")
    youden = hits / hits[-1] - alarms / alarms[-1]
    if youden.max() <= 1e-12:
        return float("nan")
    # exp of the negated softplus does not overflow for large logits
    thresholds = np.exp(-np.logaddexp(0.0, -scores[youden >= youden.max() - 1e-12]))
    return float(thresholds[np.argmin(np.abs(thresholds - 0.5))])


def margin(predictions: Predictions) -> NDArray[np.float64]:
    """Return ``[N]``: the log-odds of class 1 of two."""
    import numpy as np

    logits = predictions.logits.astype(np.float64)
    odds: NDArray[np.float64] = logits[:, 1] - logits[:, 0]
    return odds


def log_odds(logits_NK: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return ``[N, K]``: log p/(1-p) of each class, exact even if p rounds to 1.

    For class k, it is its logit minus the log-sum-exp of the others. For the highest class of each row, that is
    computed separately, because subtracting its own term from the whole sum would cancel all digits.
    """
    import numpy as np

    logits = logits_NK.astype(np.float64)
    rows = np.arange(len(logits))
    highest = logits.argmax(axis=1)
    others = logits.copy()
    others[rows, highest] = -np.inf
    rest_of_highest = log_sum_exp(others)
    whole = np.logaddexp(rest_of_highest, logits[rows, highest])
    # A class that is not the highest has p <= 1/2, so log(1 - p) is safe to take from p.
    log_p = logits - whole[:, None]
    odds = log_p - np.log1p(-np.exp(np.minimum(log_p, -np.log(2.0))))
    odds[rows, highest] = logits[rows, highest] - rest_of_highest
    return odds


def _area(scores_N: NDArray[np.float64], is_positive_N: NDArray[np.bool_]) -> float:
    """Return the Mann-Whitney statistic as a share of all pairs, from mid-ranks."""
    import numpy as np

    positives = int(is_positive_N.sum())
    negatives = len(is_positive_N) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    # Mid-ranks by hand, because scipy.stats takes two seconds to import.
    _, inverse_N, counts = np.unique(scores_N, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse_N]
    return float((ranks[is_positive_N].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _curve(
    scores_N: NDArray[np.float64], is_positive_N: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return distinct scores in descending order, and how many positives and negatives reach each of them."""
    import numpy as np

    order = np.argsort(-scores_N, kind="stable")
    scores, positive = scores_N[order], is_positive_N[order]
    last_of_each = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    hits = np.cumsum(positive)[last_of_each]
    return scores[last_of_each], hits, last_of_each + 1 - hits
