"""The weights that a training starts with."""

from __future__ import annotations

import dataclasses

import torch
from torch import nn

from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.starting import PREPARE_IMAGES, start_network
from zoo import Hyperparameters, Recipe

PLAIN = Recipe(name="plain", hyperparameters=Hyperparameters)


def start(net, *, recipe=PLAIN, seed=0, some=lambda most: torch.ones(2, 3, 8, 8), **hp):
    start_network(net, ResolvedRecipe(recipe=recipe, hp=Hyperparameters(**hp)), seed=seed, some=some)
    return net


def test_weights_are_kept_unless_hyperparameters_say_otherwise(make_net, equal):
    assert equal(start(make_net(0)), make_net(0))
    assert not equal(start(make_net(0), init="kaiming"), make_net(0))


def test_the_seed_decides(make_net, equal):
    assert equal(start(make_net(0), init="kaiming"), start(make_net(0), init="kaiming"))
    assert not equal(start(make_net(0), init="kaiming"), start(make_net(0), init="kaiming", seed=1))


def test_of_pretrained_weights_only_the_head_is_new(make_net):
    net, before = start(make_net(0), init="kaiming", pretrained=True), make_net(0)
    assert torch.equal(net.conv.weight, before.conv.weight)
    assert not torch.equal(net.head.weight, before.head.weight)


def test_a_recipe_prepares_the_network_last_with_some_images(make_net):
    asked = []

    def prepare(model: nn.Module, images_BCHW: torch.Tensor, hp: Hyperparameters) -> None:
        asked.append((float(model.head.bias.detach().abs().max()), images_BCHW.shape, hp.init))

    def some(most):
        asked.append(most)
        return torch.ones(2, 3, 8, 8)

    start(make_net(0), recipe=dataclasses.replace(PLAIN, prepare=prepare), init="kaiming", some=some)
    assert asked == [PREPARE_IMAGES, (0.0, (2, 3, 8, 8), "kaiming")]
