"""Muon: orthogonal steps for matrices, SGD for the rest, and a state that can be kept."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from plugins.recipes.muon import Muon, orthogonalized


@pytest.mark.parametrize("shape", [(64, 216), (256, 576), (216, 64), (10, 9), (1, 9), (32, 32)])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_orthogonalised_matrices_have_singular_values_near_1(shape, scale):
    torch.manual_seed(0)
    matrices_SRC = torch.randn(3, *shape) * scale
    values = torch.linalg.svdvals(orthogonalized(matrices_SRC, 5))
    if shape != (32, 32):  # a square random matrix has singular values of next to nothing
        assert float(values.min()) > 0.68
    assert float(values.max()) < 1.14


def test_orthogonalising_keeps_the_singular_vectors():
    torch.manual_seed(0)
    matrix_RC = torch.randn(40, 90)
    left, _, right = torch.linalg.svd(matrix_RC, full_matrices=False)
    turned = left.mT @ orthogonalized(matrix_RC[None], 5)[0] @ right.mT
    assert float((turned - turned.diagonal().diag()).abs().max()) < 1e-4
    assert float(turned.diagonal().min()) > 0.68


def test_matrices_are_orthogonalised_each_on_its_own_and_zeros_stay_zeros():
    torch.manual_seed(0)
    matrices_SRC = torch.randn(3, 8, 20) * torch.tensor([1e3, 0.0, 1e-3]).view(3, 1, 1)
    together_SRC = orthogonalized(matrices_SRC, 5)
    assert not together_SRC[1].any()
    for index in (0, 2):
        torch.testing.assert_close(together_SRC[index], orthogonalized(matrices_SRC[index : index + 1], 5)[0])


def model_and_batch():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(8 * 16, 4))
    return model, torch.randn(16, 3, 8, 8), torch.randint(0, 4, (16,))


def optimizer_of(model):
    convs = [param for param in model.parameters() if param.ndim == 4]
    others = [param for param in model.parameters() if param.ndim != 4]
    return Muon(
        [
            {"params": convs, "momentum": 0.6},
            {"params": others, "lr": 0.02, "momentum": 0.8, "weight_decay": 0.1, "orthogonalize": False},
        ],
        lr=0.1,
    )


def train(model, optimizer, batch, labels, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch), labels).backward()
        optimizer.step()


def test_parameters_that_are_not_orthogonalised_move_as_with_torchs_sgd():
    model, batch, labels = model_and_batch()
    other = copy.deepcopy(model)
    settings = {"momentum": 0.9, "weight_decay": 0.05}
    train(model, Muon(model.parameters(), 0.05, orthogonalize=False, **settings), batch, labels, 5)
    train(other, torch.optim.SGD(other.parameters(), 0.05, nesterov=True, **settings), batch, labels, 5)
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize("shape", [(16, 8, 3, 3), (32, 1, 3, 3), (64, 16, 1, 1), (12, 40)])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_a_step_moves_filters_by_the_learning_rate_whatever_the_gradients_size(shape, scale):
    torch.manual_seed(0)
    filters = nn.Parameter(torch.randn(shape))
    optimizer = Muon([filters], lr=0.1, iterations=5)
    filters.grad = scale * torch.randn(shape)
    before = filters.detach() * (shape[0] ** 0.5 / filters.detach().norm())  # brought to length first
    optimizer.step()
    values = torch.linalg.svdvals((before - filters.detach()).flatten(1)) / 0.1
    assert 0.68 < float(values.min()) <= float(values.max()) < 1.14


def test_it_goes_on_from_its_state_bit_for_bit():
    model, batch, labels = model_and_batch()
    optimizer = optimizer_of(model)
    train(model, optimizer, batch, labels, 3)
    resumed = copy.deepcopy(model)
    later = optimizer_of(resumed)
    later.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(model, optimizer, batch, labels, 3)
    train(resumed, later, batch, labels, 3)
    assert all(torch.equal(one, two) for one, two in zip(model.parameters(), resumed.parameters(), strict=True))


def test_memory_layout_changes_nothing_but_rounding():
    model, batch, labels = model_and_batch()
    other = copy.deepcopy(model).to(memory_format=torch.channels_last)
    train(model, optimizer_of(model), batch, labels, 3)
    train(other, optimizer_of(other), batch.to(memory_format=torch.channels_last), labels, 3)
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4)


def test_the_gradient_scaler_leaves_out_a_step_that_is_not_finite():
    model, batch, labels = model_and_batch()
    optimizer, scaler = optimizer_of(model), torch.amp.GradScaler("cpu", init_scale=8.0)
    scaler.scale(nn.functional.cross_entropy(model(batch), labels)).backward()
    scaler.step(optimizer)
    scaler.update()
    before = copy.deepcopy(model.state_dict())
    model[0].weight.grad.fill_(float("inf"))
    scaler.step(optimizer)
    scaler.update()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert scaler.get_scale() == 4.0


def test_parameters_without_gradients_stay_and_a_closure_gives_its_loss():
    model, batch, labels = model_and_batch()
    optimizer = optimizer_of(model)
    model[0].weight.requires_grad_(False)
    before = model[0].weight.clone()

    def closure():
        loss = nn.functional.cross_entropy(model(batch), labels)
        loss.backward()
        return loss.item()

    assert optimizer.step(closure) > 0
    assert torch.equal(model[0].weight, before)
    assert model[0].weight not in optimizer.state
