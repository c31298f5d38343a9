"""Dropout of several seeds draws for each what it draws alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.randomness import seed_global
from harness.training.seeds.dropout import SeedDropout, SeedGenerators, with_seed_dropout

CPU, SEEDS = torch.device("cpu"), (3, 0, 5)


def generators(memory_format=torch.contiguous_format, epoch=1):
    made = SeedGenerators(SEEDS, CPU, memory_format)
    made.start_epoch(epoch)
    return made


@pytest.mark.parametrize("shape", [(4, 7), (16, 128), (2, 5, 3, 3)])
def test_each_seed_draws_what_it_draws_alone(shape):
    drawn = generators()
    layers = nn.Sequential(SeedDropout(0.4, drawn), SeedDropout(0.2, drawn))
    values = torch.rand(3, *shape)
    found = torch.vmap(layers, randomness="error")(values)
    for place, seed in enumerate(SEEDS):
        seed_global(seed, "model", 1)
        assert torch.equal(found[place], nn.Dropout(0.2)(nn.Dropout(0.4)(values[place])))


def test_feature_maps_are_drawn_in_their_memory_format():
    values = torch.rand(3, 2, 5, 3, 3)
    found = torch.vmap(SeedDropout(0.4, generators(torch.channels_last)), randomness="error")(values)
    for place, seed in enumerate(SEEDS):
        seed_global(seed, "model", 1)
        alone = values[place].contiguous(memory_format=torch.channels_last)
        assert torch.equal(found[place], nn.Dropout(0.4)(alone))


def test_epochs_draw_differently():
    values = torch.ones(3, 50)
    one, other = (torch.vmap(SeedDropout(0.5, generators(epoch=epoch)))(values) for epoch in (1, 2))
    assert not torch.equal(one, other)


def test_gradients_pass_through_what_is_kept():
    values = torch.ones(3, 50, requires_grad=True)
    kept = torch.vmap(SeedDropout(0.5, generators()))(values)
    kept.sum().backward()
    assert torch.equal(values.grad, kept)


@pytest.mark.parametrize(("rate", "mode", "expected"), [(0.0, True, 1.0), (1.0, True, 0.0), (0.5, False, 1.0)])
def test_nothing_is_drawn_where_nothing_is_left_to_chance(rate, mode, expected):
    found = torch.vmap(SeedDropout(rate, generators()).train(mode))(torch.ones(3, 8))
    assert torch.equal(found, torch.full((3, 8), expected))


def test_all_dropout_layers_of_a_network_are_replaced_but_no_others():
    network = nn.Sequential(nn.Dropout(0.1), nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.2)), nn.Dropout2d(0.3))
    with_seed_dropout(network, generators())
    found = [(type(each), getattr(each, "rate", None)) for each in network.modules() if not list(each.children())]
    assert found == [(SeedDropout, 0.1), (nn.Linear, None), (SeedDropout, 0.2), (nn.Dropout2d, None)]
