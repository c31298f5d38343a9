"""Losses: cross-entropy and class weights. Shape suffixes: B batch, K classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from zoo.hyperparameters import Hyperparameters

Loss = Callable[[Tensor, Tensor], Tensor]
"""Maps float32 logits ``[B, K]`` and targets (class indices ``[B]`` or probabilities ``[B, K]``) to a mean loss."""


def make_loss(hp: Hyperparameters, *, class_weights_K: Tensor | None = None) -> Loss:
    """Make a cross-entropy loss with the label smoothing of *hp* and class weights.

    The loss is the mean of the images' weighted losses. It is not divided by the sum of the batch's weights, so that
    a batch's loss is the mean of its micro-batches' losses, regardless of the classes in them.
    """

    def loss(logits_BK: Tensor, targets: Tensor) -> Tensor:
        if class_weights_K is None:
            return functional.cross_entropy(logits_BK, targets, label_smoothing=hp.label_smoothing)
        total = functional.cross_entropy(
            logits_BK, targets, weight=class_weights_K, label_smoothing=hp.label_smoothing, reduction="sum"
        )
        return total / len(logits_BK)

    return loss


def balanced_class_weights(labels_N: NDArray[np.int64], num_classes: int) -> Tensor:
    """Return float32 class weights ``[K]`` inversely proportional to class frequency.

    Their mean over the images is 1, so that the learning rate keeps its meaning. The weight of a class without images
    is 0.
    """
    counts_K = np.bincount(labels_N, minlength=num_classes).astype(np.float64)
    occurs_K = counts_K > 0
    weights_K = np.zeros(num_classes)
    weights_K[occurs_K] = len(labels_N) / (occurs_K.sum() * counts_K[occurs_K])
    return torch.from_numpy(weights_K).float()
