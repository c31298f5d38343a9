"""Limits on memory: what exceeds them is refused before it is allocated, and everything else keeps its bits."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional

from harness.networks.memory_limit import MemoryLimit, MemoryLimitExceeded

HUGE = 10**15
"""More elements than any machine has memory for: an attempt would fail in another way."""


def limit(new_bytes: int = 10**8, tensor_bytes: int = 10**9) -> MemoryLimit:
    return MemoryLimit(new_bytes=new_bytes, tensor_bytes=tensor_bytes)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.empty(HUGE),
        lambda: torch.zeros(HUGE // 1000, 1000),
        lambda: torch.randn(HUGE),
        lambda: torch.full((HUGE,), 1.0),
        lambda: torch.arange(HUGE),
        lambda: nn.Linear(HUGE // 1000, 1000),
        lambda: nn.Conv2d(10**6, 10**6, 31),
    ],
)
def test_new_tensors_beyond_the_limit_are_not_made(make: object) -> None:
    with pytest.raises(MemoryLimitExceeded, match="take more than 100 MB"), limit() as found:
        make()  # type: ignore[operator]
    assert found.exceeded == "take more than 100 MB"


def test_many_small_layers_are_as_large_as_one() -> None:
    with pytest.raises(MemoryLimitExceeded), limit():
        nn.Sequential(*(nn.Linear(1000, 1000) for _ in range(26)))
    with limit():
        nn.Sequential(*(nn.Linear(1000, 1000) for _ in range(24)))


def test_a_forward_pass_beyond_the_limit_is_not_computed() -> None:
    images_BCHW = torch.zeros(2, 3, 2048, 2048)
    network = nn.Conv2d(3, 10**6, 1, device="meta").to_empty(device="cpu")
    with pytest.raises(MemoryLimitExceeded, match="compute a tensor of"), torch.no_grad(), limit():
        network(images_BCHW)
    with torch.no_grad(), limit():
        assert functional.max_pool2d(images_BCHW, 8).shape == (2, 3, 256, 256)


def test_views_take_no_memory() -> None:
    images_BCHW = torch.zeros(2, 3, 2048, 2048)
    with limit():
        assert images_BCHW.expand(1000, 2, 3, 2048, 2048).shape[0] == 1000


def test_code_that_goes_on_after_a_refusal_is_still_known_to_have_exceeded_the_limit() -> None:
    with limit() as found:
        try:
            torch.empty(HUGE)
        except Exception:
            torch.empty(1)
    assert found.exceeded


def test_initial_weights_within_the_limit_are_those_without_it() -> None:
    def build() -> torch.Tensor:
        torch.manual_seed(3)
        layer = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(8, 8))
        nn.init.orthogonal_(layer[1].weight)
        nn.init.trunc_normal_(layer[0].weight)
        return torch.cat([each.detach().flatten() for each in layer.parameters()])

    expected = build()
    with limit():
        assert torch.equal(build(), expected)


def test_the_compiler_is_not_imported() -> None:
    """It takes two seconds, which a prediction would wait for."""
    code = (
        "import sys; from torch import nn; from harness.networks.memory_limit import MemoryLimit\n"
        "with MemoryLimit(new_bytes=10**6, tensor_bytes=10**6): nn.Linear(3, 3)\n"
        "print('torch._dynamo' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
