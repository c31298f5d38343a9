"""Optimizers: the update rule that was asked for, and the groups of parameters."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.faults.errors import TrialError
from harness.training.optimizers import make_optimizer, parameter_groups, uncompiled
from zoo import Hyperparameters


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.token = nn.Parameter(torch.zeros(1, 4))
        self.head = nn.Linear(4, 2)

    def no_weight_decay(self) -> set[str]:
        return {"token"}


def names(net: nn.Module, groups) -> dict[tuple[float, float], set[str]]:
    by_id = {id(parameter): name for name, parameter in net.named_parameters()}
    return {(g["lr"], g["weight_decay"]): {by_id[id(p)] for p in g["params"]} for g in groups}


def test_all_parameters_share_a_group_by_default():
    net = Net()
    groups = names(net, parameter_groups(net, Hyperparameters(lr=0.1, weight_decay=0.2)))
    assert groups == {(0.1, 0.2): {name for name, _ in net.named_parameters()}}


def test_norms_biases_and_what_the_network_lists_can_go_without_decay():
    net = Net()
    hp = Hyperparameters(lr=0.1, weight_decay=0.2, decay_norm_and_bias=False)
    groups = names(net, parameter_groups(net, hp))
    assert groups == {
        (0.1, 0.2): {"conv.weight", "head.weight"},
        (0.1, 0.0): {"conv.bias", "norm.weight", "norm.bias", "head.bias", "token"},
    }


def test_the_backbone_can_have_a_rate_of_its_own():
    net = Net()
    groups = names(net, parameter_groups(net, Hyperparameters(lr=1.0, backbone_lr_scale=0.1)))
    assert groups[1.0, 0.0] == {"head.weight", "head.bias"}
    assert "conv.weight" in groups[0.1, 0.0]


def test_frozen_parameters_are_in_no_group():
    net = Net()
    net.conv.requires_grad_(False)
    groups = names(net, parameter_groups(net, Hyperparameters()))
    assert not any("conv.weight" in group for group in groups.values())


def test_a_network_without_parameters_to_train_is_refused():
    with pytest.raises(TrialError, match="no parameters to train"):
        parameter_groups(Net().requires_grad_(False), Hyperparameters())


@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        ({"optimizer": "sgd", "momentum": 0.0}, lambda p: torch.optim.SGD(p, 0.1, weight_decay=0.01)),
        ({"optimizer": "sgd", "momentum": 0.0, "nesterov": True}, lambda p: torch.optim.SGD(p, 0.1, weight_decay=0.01)),
        (
            {"optimizer": "sgd", "nesterov": True},
            lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        ),
        (
            {"optimizer": "adam", "beta1": 0.8, "beta2": 0.95},
            lambda p: torch.optim.Adam(p, 0.1, betas=(0.8, 0.95), weight_decay=0.01),
        ),
        ({"optimizer": "adamw"}, lambda p: torch.optim.AdamW(p, 0.1, weight_decay=0.01)),
        (
            {"optimizer": "rmsprop", "momentum": 0.5},
            lambda p: torch.optim.RMSprop(p, 0.1, momentum=0.5, weight_decay=0.01),
        ),
    ],
    ids=["sgd", "nesterov without momentum", "nesterov", "adam", "adamw", "rmsprop"],
)
def test_updates_are_those_of_torchs_plain_optimizer(settings, reference):
    """Fused kernels are faster; they must be no other rule."""
    torch.manual_seed(0)
    net, other = nn.Linear(5, 3), nn.Linear(5, 3)
    other.load_state_dict(net.state_dict())
    ours = make_optimizer(net, Hyperparameters(lr=0.1, weight_decay=0.01, **settings))
    theirs = reference(other.parameters())
    for step in range(5):
        images = torch.randn(4, 5, generator=torch.Generator().manual_seed(step))
        for model, optimizer in ((net, ours), (other, theirs)):
            optimizer.zero_grad()
            model(images).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(net.weight, other.weight, rtol=1e-5, atol=1e-6)


def test_layers_learn_at_falling_rates_times_that_of_the_backbone():
    net = Net()
    groups = names(net, parameter_groups(net, Hyperparameters(lr=1.0, layer_decay=0.5, backbone_lr_scale=0.1)))
    rates = {name: lr for (lr, _), members in groups.items() for name in members}
    assert rates["head.weight"] == rates["head.bias"] == 1.0
    assert sorted(set(rates.values())) == pytest.approx([0.1 / 2**k for k in range(5, 0, -1)] + [1.0])


@pytest.mark.parametrize("name", ["lamb", "lion", "nadamw", "sgdw", "adan"])
def test_timms_optimizers_get_the_groups_and_settings(name):
    hp = Hyperparameters(optimizer=f"timm/{name}", lr=0.2, weight_decay=0.3, momentum=0.8, decay_norm_and_bias=False)
    optimizer = make_optimizer(Net(), hp)
    assert type(optimizer).__module__.startswith("timm.optim")
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.3, 0.0}
    assert {group["lr"] for group in optimizer.param_groups} == {0.2}
    assert {group.get("momentum", 0.8) for group in optimizer.param_groups} == {0.8}


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (torch.optim.SGD, {"momentum": 0.9, "fused": True}),
        (torch.optim.Adam, {"fused": True}),
        (torch.optim.AdamW, {}),
        (torch.optim.RMSprop, {"foreach": True}),
    ],
)
def test_without_the_compiler_an_optimizer_takes_the_same_steps(kind, settings) -> None:
    plain = kind([torch.zeros(2, requires_grad=True)], lr=0.1)
    plain.param_groups[0]["params"][0].grad = torch.ones(2)
    plain.step()  # torch wraps the method of a class that has been used once more
    nets = [nn.Linear(3, 2, bias=False) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    optimizers = [
        each(net.parameters(), lr=0.1, **settings) for each, net in zip((kind, uncompiled(kind)), nets, strict=True)
    ]
    for _ in range(3):
        for net, optimizer in zip(nets, optimizers, strict=True):
            optimizer.zero_grad()
            net(torch.ones(4, 3)).square().sum().backward()
            optimizer.step()
    assert torch.equal(nets[0].weight, nets[1].weight)
    assert isinstance(optimizers[1], kind)
    assert repr(optimizers[1]) == repr(optimizers[0])
    states = [optimizer.state_dict() for optimizer in optimizers]
    assert states[0]["param_groups"] == states[1]["param_groups"]
    assert states[0]["state"].keys() == states[1]["state"].keys()
