"""State dicts: tensors fill a network entirely or not at all."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from harness.networks.state_dicts import StateDictMismatch, fill, not_finite, with_versions


def network():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def test_a_network_is_filled_entirely():
    model, tensors = network(), network().state_dict()
    assert not torch.equal(model[0].weight, tensors["0.weight"])
    assert not fill(model, tensors)
    assert all(torch.equal(value, tensors[name]) for name, value in model.state_dict().items())


def test_counters_of_batch_normalisation_may_be_missing():
    tensors = network().state_dict()
    del tensors["1.num_batches_tracked"]
    assert not fill(network(), tensors)


def test_mismatched_tensors_are_listed_and_change_nothing():
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    tensors = {**network().state_dict(), "1.weight": torch.ones(3), "more": torch.ones(1)}
    del tensors["0.bias"]
    mismatch = fill(model, tensors)
    assert mismatch == StateDictMismatch(missing=("0.bias",), unexpected=("more",), shapes=(("1.weight", (3,), (2,)),))
    assert "1 missing (0.bias)" in str(mismatch)
    assert "1 unexpected (more)" in str(mismatch)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_versions_of_modules_are_those_of_the_network():
    model = network()
    state = with_versions(model, dict(model.state_dict()))
    assert state._metadata["1"]["version"] == nn.BatchNorm2d._version


@pytest.mark.parametrize(
    ("name", "value", "is_named"),
    [
        ("0.weight", math.nan, True), ("0.bias", -math.inf, True), ("1.running_var", math.inf, True),
        ("1.running_mean", math.nan, True), ("mask", math.nan, True), ("mask", -math.inf, False),
        ("0.bias", 1e38, False),
    ],
)  # fmt: skip
def test_tensors_that_are_not_finite_are_named_but_for_masks(name: str, value: float, is_named: bool) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    model.register_buffer("mask", torch.zeros(2))
    with torch.no_grad():
        model.state_dict()[name].view(-1)[0] = value
    assert not_finite(model) == (f"1 tensor of the network holds NaN or infinity ({name})" if is_named else "")


def test_five_tensors_are_named_at_most() -> None:
    model = nn.Sequential(*(nn.Linear(1, 1) for _ in range(4)))
    for parameter in model.parameters():
        nn.init.constant_(parameter, math.nan)
    assert not_finite(model) == (
        "8 tensors of the network hold NaN or infinity (0.weight, 0.bias, 1.weight, 1.bias, 2.weight, …)"
    )
