"""Synchronised batch normalisation: parts of a batch in several processes give what the whole gives in one."""

from __future__ import annotations

import copy
import threading

import pytest
import torch
from torch import nn

from harness.training.distributed.sync_batch_norm import synchronize_batch_norms


class Meeting:
    """Collectives of threads in place of processes."""

    def __init__(self, size: int) -> None:
        self.size, self.barrier, self.values = size, threading.Barrier(size, timeout=30), {}

    def exchange(self, rank: int, value: torch.Tensor) -> torch.Tensor:
        self.values[rank] = value.clone()
        self.barrier.wait()
        gathered = torch.stack([self.values[each] for each in range(self.size)])
        self.barrier.wait()
        return gathered


class Rank:
    def __init__(self, meeting: Meeting, rank: int, *, counts: bool = True) -> None:
        self.meeting, self.rank, self.counts = meeting, rank, counts

    def all_gather(self, value):
        return self.meeting.exchange(self.rank, value)

    def all_reduce(self, *values):
        for value in values:
            value.copy_(self.meeting.exchange(self.rank, value).sum(dim=0))


def together(model: nn.Module, parts: list[torch.Tensor], *, counts: list[bool]) -> tuple[list, list[nn.Module]]:
    """Train a copy of *model* on each part at once; return outputs with input gradients, and the copies."""
    meeting = Meeting(len(parts))
    models = [copy.deepcopy(model) for _ in parts]
    results: list = [None] * len(parts)

    def work(rank: int) -> None:
        synchronize_batch_norms(models[rank], Rank(meeting, rank, counts=counts[rank]))
        values = parts[rank].clone().requires_grad_()
        output = models[rank](values)
        ((output * WEIGHING[: len(output)]).sum() * counts[rank]).backward()  # as the engine does
        results[rank] = (output.detach(), values.grad)

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result is not None for result in results)
    return results, models


WEIGHING = torch.rand(8, 3, 1, 1, generator=torch.Generator().manual_seed(2))
IMAGES = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(1)) * 3 + 5


def whole_of(model: nn.Module, parts: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    values = torch.cat(parts).requires_grad_()
    output = model(values)
    (output * torch.cat([WEIGHING[: len(part)] for part in parts])).sum().backward()
    return output.detach(), values.grad


@pytest.mark.parametrize("affine", [True, False])
def test_outputs_gradients_and_statistics_are_those_of_the_whole_batch(affine):
    parts = [IMAGES[:2], IMAGES[2:]]
    model = nn.BatchNorm2d(3, affine=affine)
    results, models = together(model, parts, counts=[True, True])
    output, grad = whole_of(model, parts)
    torch.testing.assert_close(torch.cat([each for each, _ in results]), output, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(torch.cat([each for _, each in results]), grad, rtol=1e-4, atol=1e-5)
    for each in models:
        torch.testing.assert_close(each.running_mean, model.running_mean)
        torch.testing.assert_close(each.running_var, model.running_var)
    if affine:
        summed = sum((each.weight.grad for each in models), torch.zeros(3))
        torch.testing.assert_close(summed, model.weight.grad, rtol=1e-4, atol=1e-5)


def test_images_that_do_not_count_are_in_no_statistic():
    model = nn.BatchNorm2d(3)
    results, models = together(model, [IMAGES[:4], IMAGES[4:] + 100], counts=[True, False])
    output, grad = whole_of(model, [IMAGES[:4]])
    torch.testing.assert_close(results[0][0], output, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(results[0][1], grad, rtol=1e-4, atol=1e-5)
    assert torch.equal(results[1][1], torch.zeros_like(IMAGES[4:]))
    torch.testing.assert_close(models[1].running_mean, model.running_mean)


def test_in_eval_mode_no_statistics_are_exchanged():
    model = nn.BatchNorm2d(3).eval()
    plain = model(IMAGES)
    synchronize_batch_norms(model, Rank(Meeting(2), 0))  # would wait for the other
    assert torch.equal(model(IMAGES), plain)
