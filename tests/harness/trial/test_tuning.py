"""A trial's tuning: asked once when a training starts, of a batch as each device will see it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.data.images import TrialImages
from harness.networks.channels_last import trainable_layout, unsafe_layer
from harness.records.record import Tuning
from harness.training.state import TrainingState
from harness.trial import tuning
from harness.trial.setup import make_setup
from harness.trial.tuning import TUNING_ENVIRONMENT, tune_trial

ENVIRONMENT = {**dict.fromkeys(TUNING_ENVIRONMENT, "this"), "node": "attic"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """What is asked of the timing, which is not run here: the images, and the request."""
    asked: list[tuple[Any, Any]] = []

    def note(model: Any, resolved: Any, settings: Any, images: Any, labels: Any, *, request: Any, **_: Any) -> Tuning:
        asked.append((images, request))
        return Tuning(layout="contiguous", compile=False, reason="noted")

    monkeypatch.setattr(tuning, "tune", note)
    return asked


@pytest.fixture
def tuned(make_spec: Any, make_data: Any, plugin_catalog: Any) -> Any:
    """Tune a training on 64 images in batches of 16, for three epochs."""
    prepared = make_data(num_train=64)

    def tuned(state: TrainingState | None = None, **execution: Any) -> Tuning:
        spec = make_spec(**execution)
        setup = make_setup(spec, prepared, plugin_catalog)
        settings = ForwardSettings(device=torch.device("cpu"), normalization=setup.normalization, precision="fp32")
        return tune_trial(spec, setup, settings, TrialImages(prepared), ENVIRONMENT, state)

    return tuned


def make_state(**tree: Any) -> TrainingState:
    return TrainingState(epoch=1, tree=tree)


def test_the_first_batch_is_timed_for_all_steps_of_the_training(tuned: Any, asked: Any) -> None:
    assert tuned(layout="auto", compile="auto").reason == "noted"
    ((images_BCHW, request),) = asked
    assert images_BCHW.shape == (16, 3, 8, 8)
    assert -3 < images_BCHW.mean() < 3, "normalised"
    assert (request.layout, request.compile, request.num_steps) == ("auto", "auto", 3 * 4)


def test_a_choice_depends_on_the_machine_and_the_network_only(tuned: Any, asked: Any) -> None:
    tuned()
    ((_, request),) = asked
    assert set(request.identity) == {"architecture", "small_images", *TUNING_ENVIRONMENT}


@pytest.mark.parametrize("layout", ["auto", "channels_last"])
def test_a_network_with_wrong_gradients_in_channels_last_memory_is_trained_in_contiguous(
    tuned: Any, asked: Any, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    stem = nn.Sequential(nn.Conv2d(3, 8, 1, stride=2), nn.Flatten(), nn.LazyLinear(4))
    monkeypatch.setattr(tuning, "unsafe_layer", lambda model: unsafe_layer(stem))
    monkeypatch.setattr(
        tuning, "trainable_layout", lambda wanted, model, device: trainable_layout(wanted, stem, device)
    )
    reason = tuned(layout=layout).reason
    ((_, request),) = asked
    assert request.layout == "contiguous"
    assert reason == "contiguous: gradients of layer 0 are wrong in channels-last memory on a CPU; noted"


def test_each_device_is_timed_with_its_share_of_a_batch_and_without_compiling(tuned: Any, asked: Any) -> None:
    tuned(gpus_per_trial=3, compile="on")
    ((images_BCHW, request),) = asked
    assert len(images_BCHW) == 6
    assert request.compile == "off"


@pytest.mark.parametrize(
    ("tree", "layout", "compile", "graphs"),
    [
        ({"layout": "contiguous", "compiled": "off"}, "contiguous", False, False),
        ({"layout": "channels_last", "compiled": "on"}, "channels_last", True, False),
        ({"layout": "contiguous", "compiled": "graphs"}, "contiguous", True, True),
        ({}, "channels_last", True, False),
    ],
)
def test_a_resumed_training_keeps_what_it_started_with(
    tuned: Any, asked: Any, tree: dict[str, str], layout: str, compile: bool, graphs: bool
) -> None:
    found = tuned(make_state(**tree), compile="on")
    assert (found.layout, found.compile, found.graphs) == (layout, compile, graphs)
    assert found.reason == "as when the training started"
    assert asked == []
