"""Building: a network depends on its seed alone, and what is no classifier is refused before it is trained."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.faults.errors import TrialError
from harness.networks.building import build_model
from harness.records.record import FailureKind
from zoo.architecture import Architecture, ModelRequest

REQUEST = ModelRequest(num_classes=4, in_channels=3, image_size=8)


def network(request: ModelRequest) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(request.in_channels, 4, 3, stride=4, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, request.num_classes),
    )


def build(make, *, seed=0, adapt=False):
    return build_model(Architecture(name="net", build=make), REQUEST, seed=seed, adapt=adapt)


def test_the_same_seed_gives_the_same_weights_regardless_of_earlier_draws():
    torch.manual_seed(1)
    first, _ = build(network)
    torch.manual_seed(2)
    again, _ = build(network)
    other, _ = build(network, seed=1)
    assert all(torch.equal(one, two) for one, two in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first[0].weight, other[0].weight)


def test_it_comes_back_in_train_mode_with_what_the_adaptation_changed():
    plain, unchanged = build(network)
    adapted, changes = build(network, adapt=True)
    assert plain.training
    assert adapted.training
    assert unchanged == ()
    assert changes == ("0: stride 4 → 2",)
    assert (plain[0].stride, adapted[0].stride) == ((4, 4), (2, 2))


def lazy(request):
    return nn.Sequential(
        nn.LazyConv2d(4, 3, stride=4, padding=1),
        nn.LazyBatchNorm2d(),
        nn.Dropout(0.1),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.LazyLinear(request.num_classes),
    )


@pytest.mark.parametrize("adapt", [False, True])
def test_lazy_layers_get_their_size_from_a_first_pass_and_can_be_trained(adapt):
    """Issue 15, item 15: they were made in inference mode, and training ended with a sentence on autograd."""
    model, changes = build(lazy, adapt=adapt)
    assert type(model[5]) is nn.Linear
    assert model[5].in_features == 16
    assert bool(changes) == adapt
    model(torch.rand(2, 3, 8, 8)).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    torch.manual_seed(5)
    again, _ = build(lazy, adapt=adapt)
    assert all(
        torch.equal(one, two)
        for one, two in zip(build(lazy, adapt=adapt)[0].parameters(), again.parameters(), strict=True)
    )
    assert torch.equal(again[1].running_mean, torch.zeros(4))


def test_a_lazy_layer_that_is_never_reached_is_named():
    def unused(request):
        model = network(request)
        model.add_module("spare", nn.Identity())
        model.spare.head = nn.LazyLinear(3)
        return model

    with pytest.raises(TrialError, match=r"no forward pass reaches: spare\.head\.weight has no size"):
        build(unused)


def raises(request):
    raise KeyError("no such layer")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (raises, "building net failed: KeyError: 'no such layer'"),
        (lambda request: "net", "building net gave str, not a module"),
        (lambda request: nn.Conv2d(1, 4, 3), r"net cannot take images \[2, 3, 8, 8\]: RuntimeError"),
        (lambda request: nn.Sequential(nn.Flatten(), nn.Linear(192, 5)), r"net returned logits \[2, 5\], not \[2, 4\]"),
        (lambda request: network(request).double().to(torch.float64), "net cannot take images"),
        (lambda request: nn.Sequential(network(request), Halved()), "net returned torch.float16, not torch.float32"),
        (lambda request: nn.Sequential(network(request), Wrapped()), "net returned dict, not a tensor of logits"),
    ],
)
def test_a_result_that_is_not_a_classifier_is_a_plugin_error(make, said):
    with pytest.raises(TrialError, match=said) as caught:
        build(make)
    assert caught.value.kind is FailureKind.PLUGIN


class Halved(nn.Module):
    def forward(self, logits_BK):
        return logits_BK.half()


class Wrapped(nn.Module):
    def forward(self, logits_BK):
        return {"logits": logits_BK}


def test_memory_that_runs_out_is_not_the_plugins_fault():
    def hungry(request):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        build(hungry)
