"""First weights have the spread that their papers say."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.networks.initialization import initialize


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(64, 128, 3), nn.BatchNorm2d(128), nn.Linear(256, 256))


def test_default_changes_nothing():
    one, other = net(), net()
    initialize([other], "default")
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.parametrize(
    ("kind", "conv_std", "linear_std"),
    [
        ("kaiming", (2 / (128 * 9)) ** 0.5, (2 / 256) ** 0.5),
        ("xavier", (2 / ((64 + 128) * 9)) ** 0.5, (2 / 512) ** 0.5),
    ],
)
def test_the_standard_deviation_is_the_papers(kind, conv_std, linear_std):
    model = net()
    initialize([model], kind)
    assert float(model[0].weight.detach().std()) == pytest.approx(conv_std, rel=0.02)
    assert float(model[2].weight.detach().std()) == pytest.approx(linear_std, rel=0.02)
    assert float(model[0].bias.detach().abs().max()) == 0
    assert float(model[1].weight.detach().min()) == 1  # normalisation is left alone


def test_orthogonal_rows_are_orthonormal():
    model = net()
    initialize([model], "orthogonal")
    weight = model[2].weight.detach()
    torch.testing.assert_close(weight @ weight.T, torch.eye(256), rtol=0, atol=1e-5)


def test_zero_head_sets_the_head_to_zero_and_leaves_the_rest_alone():
    model = net()
    before = model[0].weight.detach().clone()
    initialize([model[2]], "zero_head")
    assert not model[2].weight.any()
    assert not model[2].bias.any()
    assert torch.equal(model[0].weight, before)
