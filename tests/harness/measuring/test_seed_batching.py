"""Whether seeds train together: only where results agree, and where that is faster if it has to be."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.batches.forward_settings import ForwardSettings
from harness.batches.normalization import Normalization
from harness.measuring import seed_batching
from harness.measuring.seed_batching import SeedProbe, probe_seeds
from harness.training.resolved_recipe import ResolvedRecipe
from zoo.hyperparameters import Hyperparameters
from zoo.recipe import Recipe

HP = Hyperparameters(epochs=1, batch_size=8, lr=0.01)
RESOLVED = ResolvedRecipe(recipe=Recipe(name="plain", hyperparameters=lambda: HP), hp=HP)
UNUSED = Normalization(mean=(0.0,) * 3, std=(1.0,) * 3)


class Net(nn.Module):
    """A small network that may do something else as well."""

    def __init__(self, extra: Any = lambda values: values) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 4))
        self.extra = extra

    def forward(self, images_BCHW: Tensor) -> Tensor:
        values: Tensor = self.head(self.extra(self.norm(self.convolution(images_BCHW)).relu().mean(dim=(2, 3))))
        return values


def probe(extra: Any = lambda values: values, **changes: Any) -> SeedProbe:
    torch.manual_seed(0)
    networks = [Net(extra) for _ in range(3)]
    before = [{name: value.clone() for name, value in net.state_dict().items()} for net in networks]
    settings = ForwardSettings(
        device=torch.device("cpu"), normalization=UNUSED, precision=changes.pop("precision", "fp32")
    )
    asked = {"num_classes": 4, "num_steps": 1000, "must_be_faster": False, **changes}
    found = probe_seeds(networks, RESOLVED, settings, torch.rand(3, 8, 3, 8, 8), torch.randint(4, (3, 8)), **asked)
    for net, values in zip(networks, before, strict=True):
        torch.testing.assert_close(dict(net.state_dict()), values, rtol=0, atol=0)
    return found


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_seeds_that_must_only_agree_train_together(precision: str) -> None:
    assert probe(precision=precision) == SeedProbe(batches=True, reason="as requested")


def test_what_takes_time_for_each_seed_is_faster_together() -> None:
    found = probe(lambda values: (time.sleep(0.02), values)[1], must_be_faster=True)
    assert found.batches
    assert found.reason.startswith("3 seeds ran at ")
    assert 1.05 < float(found.reason.split()[4]) < 9  # three at rest; work beside it comes into one of two timings


def test_what_is_slower_together_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed_batching, "_gain", lambda *ignored: 1.04)
    assert probe(must_be_faster=True) == SeedProbe(
        batches=False, reason="3 seeds ran at 1.04 times their speed one after another"
    )


def test_a_short_training_is_not_timed() -> None:
    assert probe(must_be_faster=True, num_steps=49).reason == "too few steps to time"


class Crossed(nn.Module):
    """Counts its calls in a plain attribute, which the networks that train together share."""

    calls = 0

    def forward(self, values: Tensor) -> Tensor:
        self.calls += 1
        return values * self.calls


def test_a_network_that_computes_something_else_together_is_found() -> None:
    counted = Crossed()

    def extra(values: Tensor) -> Tensor:  # not the object itself, which would be copied with each network
        result: Tensor = counted(values)
        return result

    found = probe(extra)
    assert not found.batches
    assert "differ from those of the networks alone by" in found.reason


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (lambda values: values * torch.rand_like(values), "the network cannot be batched: "),
        (lambda values: values * float(values.sum()), "the network cannot be batched: "),
    ],
)
def test_a_network_that_cannot_be_batched_says_why(extra: Any, said: str) -> None:
    found = probe(extra)
    assert not found.batches
    assert found.reason.startswith(said)


def test_memory_that_is_too_small_is_a_reason() -> None:
    def fails(values: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    assert probe(fails).reason == "there is not enough memory for all seeds at once"
