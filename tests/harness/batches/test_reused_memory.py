"""Reused memory: used again when the last tensor in it is gone, and not before."""

from __future__ import annotations

import pytest
import torch

from harness.batches.reused_memory import ReusedMemory


def test_memory_is_used_again_when_nothing_refers_to_it():
    memory = ReusedMemory(64)
    first = memory.empty((4, 4), torch.float32)
    place = first.data_ptr()
    assert (first.shape, first.dtype, first.is_contiguous()) == ((4, 4), torch.float32, True)
    del first
    smaller = memory.empty((3,), torch.uint8)
    assert smaller.data_ptr() == place


@pytest.mark.parametrize("holder", [lambda x: x[1:], lambda x: x.detach().T, lambda x: x.numpy()])
def test_memory_with_a_view_is_not_used_again(holder):
    memory = ReusedMemory(64)
    first = memory.empty((4, 4), torch.float32).fill_(7)
    held = holder(first)
    del first
    memory.empty((4, 4), torch.float32).fill_(0)
    assert (held == 7).all()


def test_memory_that_gradients_need_is_not_used_again():
    memory = ReusedMemory(64)
    weight = torch.ones(4, 4, requires_grad=True)
    loss = (memory.empty((4, 4), torch.float32).fill_(7) * weight).sum()
    memory.empty((4, 4), torch.float32).fill_(0)
    loss.backward()
    assert (weight.grad == 7).all()


def test_tensors_can_be_learnt_from_wherever_they_are_made():
    with torch.inference_mode():
        images = ReusedMemory(64).empty((4, 4), torch.float32)
    assert not images.is_inference()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="68 bytes do not fit into a block of 64"):
        ReusedMemory(64).empty((17,), torch.float32)
