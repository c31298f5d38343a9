"""Losses on cases with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from harness.training.losses import balanced_class_weights, make_loss
from zoo import Hyperparameters


def test_equal_logits_cost_the_logarithm_of_the_class_count():
    for settings in ({}, {"label_smoothing": 0.3}):
        loss = make_loss(Hyperparameters(**settings))
        assert float(loss(torch.zeros(3, 5), torch.tensor([0, 1, 4]))) == pytest.approx(math.log(5))


def test_smoothing_is_cross_entropy_against_smoothed_probabilities():
    logits_BK, labels_B = torch.randn(6, 4), torch.arange(6) % 4
    smoothed_BK = 0.8 * functional.one_hot(labels_B, 4) + 0.2 / 4
    expected = -(smoothed_BK * logits_BK.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(make_loss(Hyperparameters(label_smoothing=0.2))(logits_BK, labels_B), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_one_hot_probabilities_give_the_loss_of_indices(smoothing, weighted):
    weights_K = torch.tensor([0.5, 1.0, 2.0, 4.0]) if weighted else None
    loss = make_loss(Hyperparameters(label_smoothing=smoothing), class_weights_K=weights_K)
    logits_BK, labels_B = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 3, 0])
    torch.testing.assert_close(loss(logits_BK, labels_B), loss(logits_BK, functional.one_hot(labels_B, 4).float()))


def test_balanced_weights_are_scikit_learns():
    labels_N = np.array([0] * 50 + [1] * 30 + [2] * 20)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels_N)
    weights_K = balanced_class_weights(labels_N, 3)
    assert weights_K.tolist() == pytest.approx(expected)
    assert float(weights_K[torch.from_numpy(labels_N)].mean()) == pytest.approx(1.0)


def test_an_absent_class_has_weight_zero():
    assert balanced_class_weights(np.array([0, 0, 2, 2]), 3).tolist() == [1.0, 0.0, 1.0]


def test_weighted_classes_share_the_loss_equally():
    labels_N = np.array([0] * 90 + [1] * 10)
    loss = make_loss(Hyperparameters(), class_weights_K=balanced_class_weights(labels_N, 2))
    labels_B = torch.from_numpy(labels_N)
    logits_BK = torch.zeros(100, 2, requires_grad=True)
    loss(logits_BK, labels_B).backward()
    assert float(logits_BK.grad[:90, 0].sum()) == pytest.approx(float(logits_BK.grad[90:, 1].sum()))
