"""State dicts: tensors fill a network entirely or not at all."""

from __future__ import annotations

import torch
from torch import nn

from harness.networks.state_dicts import StateDictMismatch, fill, with_versions


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
