"""Flipping: an alternating flip shows each image both ways."""

from __future__ import annotations

import math

import pytest
import torch

from harness.batches.augmentation import AlternatingFlip

from .sample_images import generator

CPU = torch.device("cpu")


@pytest.mark.parametrize("epochs", [(1, 2), (2, 3), (7, 8)])
def test_an_alternating_flip_shows_each_image_both_ways_in_two_epochs(epochs):
    flips = AlternatingFlip(1000, seed=0, device=CPU)
    first_N, second_N = (flips.of_epoch(epoch, torch.arange(1000)) for epoch in epochs)
    assert torch.equal(first_N, ~second_N)
    assert abs(int(first_N.sum()) - 500) < 5 * math.sqrt(250)


def test_an_alternating_flip_follows_the_image_not_its_place_and_depends_on_the_seed():
    flips, again, other = (AlternatingFlip(1000, seed=seed, device=CPU) for seed in (3, 3, 4))
    order_N = torch.randperm(1000, generator=generator())
    assert torch.equal(flips.of_epoch(5, order_N), again.of_epoch(5, torch.arange(1000))[order_N])
    assert not torch.equal(flips.of_epoch(5, order_N), other.of_epoch(5, order_N))
