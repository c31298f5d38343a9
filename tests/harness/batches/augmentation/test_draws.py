"""Draws: an image gets the same numbers whether its whole batch is here or only a part."""

from __future__ import annotations

import torch

from harness.batches.augmentation.draws import BatchGenerator, integers, uniform

ROWS_B = torch.tensor([3, 0])


def part() -> BatchGenerator:
    generator = BatchGenerator()
    generator.manual_seed(0)
    generator.batch, generator.rows_B = 4, ROWS_B
    return generator


def whole() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_part_of_a_batch_gets_the_draws_of_the_whole():
    drawn = uniform(whole(), 4, before=(2,), after=(3,))
    assert drawn.shape == (2, 4, 3)
    assert torch.equal(uniform(part(), 2, before=(2,), after=(3,)), drawn[:, ROWS_B])
    assert torch.equal(integers(part(), 2, 5, 500), integers(whole(), 4, 5, 500)[ROWS_B])


def test_later_draws_agree_too():
    generator, other = part(), whole()
    uniform(generator, 2)
    uniform(other, 4)
    assert torch.equal(uniform(generator, 2), uniform(other, 4)[ROWS_B])


def test_draws_stay_within_their_bounds():
    assert set(integers(whole(), 1000, 2, 5).tolist()) == {2, 3, 4}
    drawn = uniform(whole(), 1000)
    assert 0 <= float(drawn.min()) < 0.01
    assert 0.99 < float(drawn.max()) < 1
