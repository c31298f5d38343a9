"""Ranks: every image of a batch is learnt from by one process, and memory that is refused ends each of them."""

from __future__ import annotations

import pytest
import torch

from harness.faults.errors import TrialError
from harness.records.record import FailureKind
from harness.training.distributed.ranks import ALONE, ManyRanks, MemoryRefusedError, MicroBatchShard

CPU = torch.device("cpu")


@pytest.fixture
def ranks_of(monkeypatch):
    """Make the ranks of a group of some size, without any process."""
    import torch.distributed

    def make(size: int, **options) -> list[ManyRanks]:
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: size)
        made = []
        for rank in range(size):
            monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
            made.append(ManyRanks(CPU, **options))
        return made

    return make


def test_one_process_does_all_of_it():
    assert (ALONE.rank, ALONE.size, ALONE.purpose) == (0, 1, ())
    assert ALONE.rows([3, 2]) == [0, 1, 2, 3, 4]
    assert ALONE.parts([3, 2]) == [MicroBatchShard(images=3, last=False), MicroBatchShard(images=2)]
    assert ALONE.share_of(7) == slice(0, 7)


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("micro_sizes", [[8], [5, 4], [3, 3, 3]])
def test_every_image_is_learnt_from_once(ranks_of, size, micro_sizes):
    rows = [row for ranks in ranks_of(size) for row in ranks.rows(micro_sizes)]
    assert sorted(rows) == list(range(sum(micro_sizes)))


def test_a_process_without_an_image_computes_one_that_does_not_count(ranks_of):
    first, second = ranks_of(2)
    assert first.parts([1]) == [MicroBatchShard(images=1, counts=False)]
    assert second.parts([1]) == [MicroBatchShard(images=1, counts=True)]
    assert first.rows([1]) == second.rows([1]) == [0]


def test_only_rank_0_draws_what_one_process_would(ranks_of):
    assert [ranks.purpose for ranks in ranks_of(3)] == [(), (1,), (2,)]


def test_memory_that_is_refused_ends_the_process_with_what_to_try_next(ranks_of):
    ranks = ranks_of(2, at_most=12)[1]
    halving = ranks.halving(CPU, at_most=16, floor=1)
    assert (halving.at_most, halving.floor) == (12, 2)
    with pytest.raises(MemoryRefusedError, match="out of memory with 12 images") as caught, halving.attempt(12):
        raise MemoryError
    assert (caught.value.at_most, caught.value.kind) == (6, FailureKind.OOM)
    with pytest.raises(TrialError, match="even with 2 images at a time on all devices") as ended, halving.attempt(2):
        raise MemoryError
    assert not isinstance(ended.value, MemoryRefusedError)
    with pytest.raises(KeyError), halving.attempt(12):
        raise KeyError


def test_values_of_all_processes_are_put_together(ranks_of, monkeypatch):
    import torch.distributed

    totals = []
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda value: totals.append(value.clone()))
    values = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]])
    for ranks in ranks_of(2):
        own = ranks.share_of(5)
        ranks.gather_slices(values[own], own, total=5)
    assert torch.equal(sum(totals), values)
