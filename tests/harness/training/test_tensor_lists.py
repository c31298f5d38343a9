"""Tensor lists: many tensors are copied in as few kernels as there are types."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from harness.training.ema import ModelEma
from harness.training.forward_state import ForwardState
from harness.training.tensor_lists import ListCopy


class ListsOfTypes(TorchDispatchMode):
    """Notes the types in each list that an operation on lists takes."""

    def __init__(self) -> None:
        super().__init__()
        self.lists: list[tuple[str, set[torch.dtype], int]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for each in args:
            if "_foreach_" in str(func) and isinstance(each, (list, tuple)):
                self.lists.append((func.overloadpacket.__name__, {tensor.dtype for tensor in each}, len(each)))
        return func(*args, **(kwargs or {}))


def network() -> nn.Module:
    blocks = [nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)) for _ in range(5)]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(12, 2))


def test_values_are_copied_either_way() -> None:
    sources = [torch.ones(2), torch.tensor(3), torch.zeros(1, dtype=torch.float64)]
    targets = [torch.zeros_like(value) for value in sources]
    copy = ListCopy(targets, sources)
    copy.forwards()
    assert [value.sum().item() for value in targets] == [2, 3, 0]
    targets[1].fill_(7)
    copy.backwards()
    assert sources[1].item() == 7
    ListCopy([], []).forwards()


@pytest.mark.parametrize(
    ("work", "kernels"),
    [
        (lambda net, ema, state: state.take(), 2),
        (lambda net, ema, state: state.restore(), 2),
        (lambda net, ema, state: ema.update(), 2),
        (lambda net, ema, state: ema.copy_to_model(), 2),
    ],
    ids=["taking a state", "restoring it", "averaging", "using averages"],
)
def test_no_list_has_tensors_of_several_types(work: Any, kernels: int) -> None:
    """On a GPU, a list of mixed types takes a kernel for each tensor."""
    net = network()
    ema, state = ModelEma(net, 0.9), ForwardState(net, torch.device("cpu"))
    with ListsOfTypes() as seen:
        work(net, ema, state)
    assert all(len(types) == 1 for _, types, _ in seen.lists)
    assert len(seen.lists) == 2 * kernels  # each takes two lists
    counts: list[Tensor] = [value for name, value in net.state_dict().items() if "num_batches" in name]
    assert len(counts) == 5
