"""Resolved recipes: a recipe's own functions replace the engine's, and get the hyperparameters."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.training.resolved_recipe import ResolvedRecipe
from zoo import Hyperparameters, Recipe

HP = Hyperparameters(lr=0.25, label_smoothing=0.1, optimizer="adam")
PLAIN = ResolvedRecipe(recipe=Recipe(name="plain", hyperparameters=lambda: HP), hp=HP)
OWN = ResolvedRecipe(
    recipe=Recipe(
        name="own",
        hyperparameters=lambda: HP,
        make_optimizer=lambda model, hp: torch.optim.SGD(model.parameters(), 2 * hp.lr),
        loss=lambda logits_BK, targets, hp: logits_BK.sum() * hp.lr,
        predict=lambda model, images_BCHW, hp: model(images_BCHW) * hp.lr,
    ),
    hp=HP,
)
LOGITS_BK, LABELS_B = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0])


def test_without_functions_of_its_own_the_engines_are_used():
    optimizer = PLAIN.make_optimizer(nn.Linear(2, 2))
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.param_groups[0]["lr"] == 0.25
    expected = nn.functional.cross_entropy(LOGITS_BK, LABELS_B, label_smoothing=0.1)
    assert PLAIN.make_loss()(LOGITS_BK, LABELS_B) == expected
    assert PLAIN.predict is None


def test_class_weights_reach_the_engines_loss():
    weighted = PLAIN.make_loss(torch.tensor([3.0, 3.0]))(LOGITS_BK, LABELS_B)
    assert weighted.item() == pytest.approx(3 * PLAIN.make_loss()(LOGITS_BK, LABELS_B).item())


def test_functions_of_its_own_get_the_hyperparameters():
    optimizer = OWN.make_optimizer(nn.Linear(2, 2))
    assert isinstance(optimizer, torch.optim.SGD)
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert OWN.make_loss(torch.ones(2))(LOGITS_BK, LABELS_B) == 0.75
    assert OWN.predict is not None
    assert torch.equal(OWN.predict(nn.Identity(), LOGITS_BK), LOGITS_BK * 0.25)
