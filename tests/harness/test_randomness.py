"""Randomness: draws depend on seed and purpose, and on nothing else."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from harness.randomness import derive_seed, make_generator, seed_global

SEED = 8677279991123922410
"""What (0, "order", 1) comes to."""


def test_seeds_differ_by_seed_and_purpose():
    purposes = [(), ("order",), ("order", 1), ("order", 11), ("order", 1, 1), ("order", "1"), ("augmentation", 1)]
    seeds = {derive_seed(seed, *purpose) for seed in (0, 1) for purpose in purposes}
    assert len(seeds) == 2 * len(purposes)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seeds_stay_what_they_were():
    """Stored results and half-finished trainings depend on it."""
    assert derive_seed(0, "order", 1) == SEED


def test_a_generator_is_seeded_for_its_purpose_and_leaves_the_global_one_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    drawn = torch.rand(2, generator=make_generator(torch.device("cpu"), 0, "order", 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(drawn, torch.rand(2, generator=torch.Generator().manual_seed(SEED)))


@pytest.mark.parametrize(
    "draw", [lambda: torch.rand(1).item(), np.random.random, random.random], ids=["torch", "numpy", "python"]
)
def test_every_global_generator_is_seeded(draw):
    seed_global(0, "model", 1)
    first = draw()
    seed_global(0, "model", 2)
    other = draw()
    seed_global(0, "model", 1)
    assert draw() == first != other
