"""Training steps: each is a whole step of a copy, in the memory format that is asked for."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.batches.normalization import Normalization
from harness.measuring.training_step import training_step
from harness.training.resolved_recipe import ResolvedRecipe
from zoo import Hyperparameters, Recipe

HP = Hyperparameters(lr=0.1, momentum=0.0, optimizer="sgd")
IMAGES_BCHW = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS_B = torch.tensor([0, 1, 2, 3])


@pytest.mark.parametrize("channels_last", [True, False])
def test_a_step_updates_a_copy_as_the_recipe_says(channels_last: bool) -> None:
    copies: list[nn.Module] = []
    formats: list[bool] = []

    def make_optimizer(model: nn.Module, hp: Hyperparameters) -> torch.optim.Optimizer:
        copies.append(model)
        model[0].register_forward_pre_hook(
            lambda module, args: formats.append(args[0].is_contiguous(memory_format=torch.channels_last))
        )
        return torch.optim.SGD(model.parameters(), hp.lr)

    recipe = Recipe(name="own", hyperparameters=lambda: HP, make_optimizer=make_optimizer)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.0), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    expected, before = copy.deepcopy(model), copy.deepcopy(model.state_dict())
    settings = ForwardSettings(
        device=torch.device("cpu"),
        normalization=Normalization(mean=(0.0,) * 3, std=(1.0,) * 3),
        channels_last=channels_last,
    )
    step = training_step(model, ResolvedRecipe(recipe=recipe, hp=HP), settings, IMAGES_BCHW, LABELS_B)
    optimizer = torch.optim.SGD(expected.parameters(), HP.lr)
    for _ in range(2):
        step()
        optimizer.zero_grad()
        nn.functional.cross_entropy(expected(IMAGES_BCHW), LABELS_B).backward()
        optimizer.step()
    (trained,) = copies
    assert trained.training
    assert formats == [channels_last] * 2
    for mine, theirs in zip(trained.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)
    assert not model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
