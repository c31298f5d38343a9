"""Forward state: a step can be done again from its start."""

from __future__ import annotations

import numpy as np
import torch

from harness.training.forward_state import ForwardState

CPU = torch.device("cpu")


def test_a_forward_state_brings_back_every_generator_and_buffer(make_net):
    net = make_net()
    state = ForwardState(net, CPU)
    images_BCHW = torch.randn(4, 3, 8, 8)
    state.take()
    first, drawn = net(images_BCHW), (np.random.random(), torch.rand(1))
    assert net.norm.num_batches_tracked == 1
    state.restore()
    assert net.norm.num_batches_tracked == 0
    assert torch.equal(net.norm.running_mean, torch.zeros(8))
    assert torch.equal(net(images_BCHW), first)
    assert (np.random.random(), torch.rand(1)) == drawn
