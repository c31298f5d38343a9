"""The optimizer's state for each seed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.training.seeds.optimizer_states import clip_each, joined_state, state_of_seed


def step(parameters, kind=torch.optim.Adam):
    optimizer = kind(parameters, 0.1)
    for each in parameters:
        each.grad = each.detach() * 2 + 1
    optimizer.step()
    return optimizer


def test_each_seed_has_the_state_that_its_optimizer_has_alone():
    values = torch.rand(3, 4, 2)
    whole = step([nn.Parameter(values.clone())])
    for place in range(3):
        alone = step([nn.Parameter(values[place].clone())])
        found = state_of_seed(whole.state_dict(), place)
        assert found["param_groups"] == alone.state_dict()["param_groups"]
        torch.testing.assert_close(found["state"], alone.state_dict()["state"], rtol=0, atol=0)


def test_states_joined_again_are_the_same():
    whole = step([nn.Parameter(torch.rand(3, 4, 2)), nn.Parameter(torch.rand(3))]).state_dict()
    joined = joined_state([state_of_seed(whole, place) for place in range(3)])
    torch.testing.assert_close(joined["state"], whole["state"], rtol=0, atol=0)


def test_plain_sgd_has_nothing_to_share():
    whole = step([nn.Parameter(torch.rand(2, 3))], torch.optim.SGD).state_dict()
    assert state_of_seed(whole, 1)["state"] in ({}, {0: {"momentum_buffer": None}})
    assert joined_state([state_of_seed(whole, 0), state_of_seed(whole, 1)]) == whole


@pytest.mark.parametrize("most", [0.5, 100.0])
def test_gradients_are_clipped_as_each_seed_clips_its_own(most):
    shapes = [(3, 4, 2), (3, 5), (3,)]
    parameters = [nn.Parameter(torch.zeros(shape)) for shape in shapes]
    scale_S = torch.tensor([0.01, 1.0, 10.0])
    for each in parameters:
        each.grad = torch.rand(each.shape) * scale_S.view(-1, *[1] * (each.ndim - 1))
    alone = []
    for place in range(3):
        mine = [nn.Parameter(torch.zeros(shape[1:])) for shape in shapes]
        for own, each in zip(mine, parameters, strict=True):
            own.grad = each.grad[place].clone()
        nn.utils.clip_grad_norm_(mine, most)
        alone.append([own.grad for own in mine])
    clip_each(parameters, most)
    for place, gradients in enumerate(alone):
        for each, gradient in zip(parameters, gradients, strict=True):
            torch.testing.assert_close(each.grad[place], gradient)


def test_without_gradients_there_is_nothing_to_clip():
    clip_each([nn.Parameter(torch.zeros(2, 3))], 1.0)
