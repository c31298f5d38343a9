"""End-to-end training speed is that of the training loop, and leaves the network as it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.data.images import PreparedData
from harness.measuring import end_to_end
from harness.measuring.end_to_end import EPOCHS, train_end_to_end
from harness.system.own_time import HelperWaits, own_clock
from harness.training.loop import TrainingHooks, TrainingResult
from harness.training.resolved_recipe import ResolvedRecipe
from zoo import Hyperparameters, Recipe

RECIPE = Recipe(name="plain", hyperparameters=Hyperparameters)


def measure(model: nn.Module, data: PreparedData, *, rate: float, seconds: float, **settings: Any) -> list[float]:
    return train_end_to_end(
        model,
        data,
        ResolvedRecipe(recipe=RECIPE, hp=Hyperparameters(**{"epochs": 30, "batch_size": 16, **settings})),
        ForwardSettings(device=torch.device("cpu"), normalization=data),
        images_per_second=rate,
        budget_seconds=seconds,
    )


def test_the_first_epoch_does_not_count_and_the_network_stays(
    make_data: Callable[..., PreparedData],
    make_net: Callable[..., nn.Module],
    equal: Callable[[nn.Module, nn.Module], bool],
) -> None:
    net = make_net()
    rates = measure(net, make_data(), rate=1e9, seconds=1.0, init="zero_head", early_stopping_patience=1)
    assert len(rates) == EPOCHS - 1
    assert min(rates) > 0
    assert equal(net, make_net())


@pytest.mark.parametrize(("rate", "expected"), [(1e9, 64), (80.0, 40), (1.0, 16)])
def test_as_many_images_as_the_budget_allows_and_a_batch_at_least(
    make_data: Callable[..., PreparedData],
    make_net: Callable[..., nn.Module],
    monkeypatch: pytest.MonkeyPatch,
    rate: float,
    expected: int,
) -> None:
    lengths: list[int] = []
    real = end_to_end.train

    def train(model: nn.Module, images: Any, *rest: Any, **options: Any) -> TrainingResult:
        lengths.append(len(images.train))
        return real(model, images, *rest, **options)

    monkeypatch.setattr(end_to_end, "train", train)
    measure(make_net(), make_data(num_train=64), rate=rate, seconds=2.0)
    assert lengths == [expected]


def test_a_class_that_the_few_images_lack_does_not_matter(
    make_data: Callable[..., PreparedData], make_net: Callable[..., nn.Module]
) -> None:
    data = make_data(num_train=64, labels=[0] * 40 + [1, 2, 3] * 8)
    assert len(measure(make_net(), data, rate=1.0, seconds=1.0, class_weights="balanced")) == EPOCHS - 1


@pytest.mark.parametrize("is_own", [True, False])
def test_seconds_are_the_networks_own_where_they_are_known(
    make_data: Callable[..., PreparedData],
    make_net: Callable[..., nn.Module],
    monkeypatch: pytest.MonkeyPatch,
    is_own: bool,
) -> None:
    clocks: list[Any] = []
    real = end_to_end.train

    def train(*given: Any, hooks: TrainingHooks, **options: Any) -> TrainingResult:
        clocks.append((hooks.clock, HelperWaits().counts))
        return real(*given, hooks=hooks, **options)

    monkeypatch.setattr(end_to_end, "train", train)
    monkeypatch.setattr(end_to_end, "has_own_time", lambda device: is_own)
    assert min(measure(make_net(), make_data(), rate=1.0, seconds=1.0)) > 0
    assert clocks == [(own_clock if is_own else time.monotonic, is_own)]
    assert not HelperWaits().counts
