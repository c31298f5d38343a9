"""Tuning: what is chosen by timing, what never is, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.batches.forward_settings import ForwardSettings
from harness.batches.normalization import Normalization
from harness.measuring import tuning
from harness.measuring.tuning import TuningRequest, tune
from harness.training.resolved_recipe import ResolvedRecipe
from zoo.hyperparameters import Hyperparameters
from zoo.recipe import Recipe

HP = Hyperparameters(epochs=1, batch_size=8, lr=0.01)
RESOLVED = ResolvedRecipe(recipe=Recipe(name="plain", hyperparameters=lambda: HP), hp=HP)
UNUSED = Normalization(mean=(0.0,) * 3, std=(1.0,) * 3)  # the images are normalised already
IMAGES_BCHW = torch.rand(8, 3, 8, 8)
LABELS_B = torch.arange(8) % 4


class Slow(nn.Module):
    """A network that takes its time in one memory layout, or in one precision."""

    def __init__(self, is_slow: Callable[[Tensor], bool]) -> None:
        super().__init__()
        self.is_slow = is_slow
        self.convolution = nn.Conv2d(3, 4, 3)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        maps_BCHW = self.convolution(images_BCHW)
        if self.is_slow(maps_BCHW):
            time.sleep(0.01)
        return maps_BCHW.mean(dim=(2, 3))


def is_channels_last(maps_BCHW: Tensor) -> bool:
    return maps_BCHW.is_contiguous(memory_format=torch.channels_last)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    return tmp_path


def probe(model: nn.Module, *, num_steps: int = 100_000, **changes: Any) -> Any:
    asked: dict[str, Any] = {"layout": "auto", "compile": "off", "identity": {}, **changes}
    settings = ForwardSettings(
        device=IMAGES_BCHW.device, normalization=UNUSED, precision=asked.pop("precision", "fp32")
    )
    alone = asked.pop("alone", nullcontext)
    request = TuningRequest(num_steps=num_steps, **asked)
    return tune(model, RESOLVED, settings, IMAGES_BCHW, LABELS_B, request=request, alone=alone)


def test_the_faster_layout_is_chosen_and_its_reason_recorded() -> None:
    chosen = probe(Slow(is_channels_last))
    assert chosen.layout == "contiguous"
    assert "times the speed of channels last" in chosen.reason
    assert chosen.images_per_second["contiguous fp32"] > chosen.images_per_second["channels_last fp32"]
    assert probe(Slow(lambda maps: not is_channels_last(maps)), identity={"name": "other"}).layout == "channels_last"


def test_a_small_gain_does_not_change_the_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"channels_last fp32": 100.0, "contiguous fp32": 104.0, "channels_last bf16": 300.0}
    monkeypatch.setattr(tuning, "_rates", lambda *_: dict(rates))
    assert probe(Slow(lambda maps: False)).layout == "channels_last"


def test_precision_is_reported_and_never_chosen_by_timing() -> None:
    chosen = probe(Slow(lambda maps: maps.dtype == torch.float32))
    assert "bf16 ran at" in chosen.reason
    assert "choose it with --precision bf16" in chosen.reason
    assert chosen.images_per_second["channels_last bf16"] > chosen.images_per_second["channels_last fp32"]
    assert not hasattr(chosen, "precision")


def test_a_choice_is_kept_so_that_later_trials_train_alike() -> None:
    first = probe(Slow(is_channels_last), identity={"network": 1})
    again = probe(Slow(lambda maps: False), identity={"network": 1})
    assert again.model_copy(update={"seconds": 0.0}) == first.model_copy(update={"seconds": 0.0})


def test_other_trials_pause_for_timing_only() -> None:
    """A long step of one trial holds up all that want to be alone. What is known or asked for needs no timing."""
    pauses: list[str] = []

    @contextmanager
    def alone() -> Iterator[None]:
        pauses.append("")
        yield

    model = Slow(lambda maps: False)
    probe(model, num_steps=10, alone=alone)
    probe(model, layout="contiguous", alone=alone)
    assert not pauses
    for _ in range(2):
        probe(model, alone=alone)
    assert len(pauses) == 1


def test_what_another_trial_chose_while_this_one_waited_holds_for_both() -> None:
    @contextmanager
    def alone() -> Iterator[None]:
        probe(Slow(is_channels_last))
        yield

    assert probe(Slow(lambda maps: False), alone=alone).layout == "contiguous"


def test_a_training_too_short_for_a_probe_takes_the_usual() -> None:
    model = Slow(is_channels_last)
    for num_steps in (10, 60):
        chosen = probe(model, num_steps=num_steps)
        assert chosen.layout == "channels_last"
        assert chosen.reason.startswith("default: ")
        assert chosen.images_per_second == {}


def test_requested_settings_are_not_probed() -> None:
    assert probe(Slow(is_channels_last), layout="channels_last").reason == "as requested"
    assert probe(Slow(is_channels_last), layout="contiguous", compile="on").compile


def test_compiling_is_not_tried_on_a_cpu_by_default() -> None:
    chosen = probe(Slow(lambda maps: False), compile="auto")
    assert not chosen.compile
    assert "compiling does not speed up training on a CPU" in chosen.reason


def test_the_network_and_the_generators_are_left_as_they_were() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.AvgPool2d(6), nn.Flatten())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    probe(model)
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training


def test_a_network_that_fails_is_left_to_the_training_to_report() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, images_BCHW: Tensor) -> Tensor:
            raise RuntimeError("broken")

    chosen = probe(Broken())
    assert chosen.reason == "default: timing failed"
