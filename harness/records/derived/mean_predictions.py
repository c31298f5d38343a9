"""Mean predictions: the mean of the probabilities that several networks give the same images.

The negative log-likelihood of the mean is never above the mean of the networks' own, because the logarithm is concave
(Jensen's inequality). Shape suffixes: M members, N images, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.records.predictions import SavedPredictions
from zoo.errors import StoreError


def mean_predictions(members: Sequence[SavedPredictions], weights: Sequence[float] = ()) -> SavedPredictions:
    """Return the logarithms of the mean probabilities, with images in the order of the first member.

    Members are aligned by the samples' ids. The mean is computed on logarithms, so that no probability becomes 0.

    Args:
        members: Predictions of at least one network.
        weights: Weight of each, above 0; empty: all weigh the same.

    Raises:
        StoreError: If members have other classes, images or labels than the first, or no scores.
    """
    first = members[0]
    order_N = np.argsort(first.samples, kind="stable")
    if len(np.unique(first.samples)) < len(first.samples):
        raise StoreError("an image is there twice")
    shares_M = np.asarray(weights or [1.0] * len(members))
    shares_M = shares_M / shares_M.sum()
    total_NK: NDArray[np.float64] | None = None
    for member, share in zip(members, shares_M, strict=True):
        logits_NK = _aligned(member, first, order_N)
        log_NK = _log_softmax(logits_NK) + np.log(share)
        total_NK = log_NK if total_NK is None else np.logaddexp(total_NK, log_NK)
    assert total_NK is not None, "there is at least one member"
    mean_NK = np.empty_like(total_NK)
    mean_NK[order_N] = total_NK
    predictions = replace(first.predictions, logits=mean_NK, validation=None)
    return SavedPredictions(predictions=predictions, samples=first.samples)


def log_likelihoods(members: Sequence[SavedPredictions]) -> NDArray[np.float64]:
    """Return ``[M, N]``: the logarithm of each member's probability for the label, with images in the order of ids.

    Raises:
        StoreError: As :func:`mean_predictions`.
    """
    first = members[0]
    order_N = np.argsort(first.samples, kind="stable")
    labels_N = first.predictions.labels[order_N]
    rows_N = np.arange(len(labels_N))
    return np.stack([_log_softmax(_aligned(member, first, order_N))[rows_N, labels_N] for member in members])


def _aligned(member: SavedPredictions, first: SavedPredictions, order_N: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the logits of a member in the order of the images' ids."""
    own, other = member.predictions, first.predictions
    if not own.has_scores:
        raise StoreError("there are classes only, and no probabilities to average")
    if own.classes != other.classes:
        raise StoreError("the classes are others")
    own_order_N = np.argsort(member.samples, kind="stable")
    if not np.array_equal(member.samples[own_order_N], first.samples[order_N]):
        raise StoreError("the images are others")
    if not np.array_equal(own.labels[own_order_N], other.labels[order_N]):
        raise StoreError("the labels of the images are others")
    return own.logits[own_order_N].astype(np.float64)


def _log_softmax(logits_NK: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted_NK = logits_NK - logits_NK.max(axis=1, keepdims=True)
    normalized_NK: NDArray[np.float64] = shifted_NK - np.log(np.exp(shifted_NK).sum(axis=1, keepdims=True))
    return normalized_NK
