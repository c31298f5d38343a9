"""Memory that runs out in the backward pass: the step is repeated with halves, as if it had been planned so."""

from __future__ import annotations

import pytest
import torch
from torch import nn


class Failing(nn.Module):
    """A network with a layer whose backward pass runs out of memory, the first time with a whole batch."""

    def __init__(self, net: nn.Module, layer: str, *, fits: int) -> None:
        super().__init__()
        self.net, self.fits, self.failures = net, fits, 0
        net.get_submodule(layer).register_full_backward_pre_hook(self.refuse)

    def forward(self, images_BCHW: torch.Tensor) -> torch.Tensor:
        logits_BK: torch.Tensor = self.net(images_BCHW)
        return logits_BK

    def refuse(self, module: nn.Module, gradients: tuple[torch.Tensor, ...]) -> None:
        if len(gradients[0]) > self.fits:
            self.failures += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


@pytest.mark.parametrize("layer", ["head", "dropout", "norm", "conv"])
def test_a_step_is_repeated_with_halves_whichever_layer_runs_out(make_data, make_net, fit, equal, layer):
    data = make_data(num_train=48)
    net = Failing(make_net(dropout=0.3), layer, fits=8)
    failed, _ = fit(data, net, clip_norm=1.0)
    planned_net = make_net(dropout=0.3)
    planned, _ = fit(data, planned_net, clip_norm=1.0, accumulate_steps=2)
    assert net.failures == 1, "later steps begin with halves"
    assert (failed.planned_micro_batch_size, failed.micro_batch_size) == (16, 8)
    assert planned.micro_batch_size == 8
    assert equal(net.net, planned_net), "gradients, dropout's draws and running statistics of the attempt are undone"


def test_it_is_halved_until_it_fits(make_data, make_net, fit, equal):
    data = make_data(num_train=48)
    net = Failing(make_net(), "conv", fits=4)
    result, _ = fit(data, net)
    planned = make_net()
    fit(data, planned, accumulate_steps=4)
    assert (net.failures, result.micro_batch_size) == (2, 4)
    assert equal(net.net, planned)
