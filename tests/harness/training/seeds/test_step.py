"""A step of several seeds."""

from __future__ import annotations

import pytest
import torch

from harness.batches.forward_settings import ForwardSettings
from harness.faults.errors import TrialError
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.seeds.step import SeedStep
from zoo import Hyperparameters, Preparation, Recipe

SETTINGS = ForwardSettings(
    device=torch.device("cpu"), normalization=Preparation(mean=(0.5,) * 3, std=(0.25,) * 3), channels_last=True
)


def make_step(networks, num_classes=4, **hp):
    resolved = ResolvedRecipe(
        recipe=Recipe(name="plain", hyperparameters=Hyperparameters), hp=Hyperparameters(lr=0.1, **hp)
    )
    return SeedStep(networks, range(len(networks)), resolved, SETTINGS, num_classes=num_classes)


def test_losses_and_gradients_are_those_of_each_seed(make_net):
    images, labels = torch.rand(2, 6, 3, 8, 8), torch.tensor([[0, 1, 2, 3, 0, 1], [3, 2, 1, 0, 3, 2]])
    alone = [make_net(seed, dropout=0.0).train() for seed in range(2)]
    step = make_step([make_net(seed, dropout=0.0) for seed in range(2)])
    step.networks.train()
    loss_S, logits_SBK = step.gradients(images, labels)
    for place, net in enumerate(alone):
        logits_BK = net(images[place])
        loss = torch.nn.functional.cross_entropy(logits_BK, labels[place])
        loss.backward()
        torch.testing.assert_close(logits_SBK[place], logits_BK.detach())
        torch.testing.assert_close(loss_S[place], loss.detach())
        for name, parameter in net.named_parameters():
            torch.testing.assert_close(
                step.networks.stacked.get_parameter(name).grad[place], parameter.grad, rtol=1e-4, atol=1e-6
            )


def test_weight_decay_skips_what_it_skips_alone(make_net):
    step = make_step([make_net(seed) for seed in range(2)], weight_decay=0.1, decay_norm_and_bias=False)
    decays = {id(each): group["weight_decay"] for group in step.optimizer.param_groups for each in group["params"]}
    found = {name: decays[id(each)] for name, each in step.networks.stacked.named_parameters()}
    assert found == {
        "conv.weight": 0.1,
        "conv.bias": 0.0,
        "norm.weight": 0.0,
        "norm.bias": 0.0,
        "head.weight": 0.1,
        "head.bias": 0.0,
    }


def test_an_output_that_is_not_logits_is_refused(make_net):
    step = make_step([make_net(seed) for seed in range(2)], num_classes=5)
    with pytest.raises(TrialError, match=r"\[12, 5\]"):
        step.gradients(torch.rand(2, 6, 3, 8, 8), torch.zeros(2, 6, dtype=torch.int64))
