"""Speed: every value that is recorded, by a clock that only the network moves."""

from __future__ import annotations

import types
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.batches.forward_settings import ForwardSettings
from harness.batches.normalization import Normalization
from harness.data.images import ImageSet, SelectedImages
from harness.data.streaming_images import StreamedImages
from harness.measuring import speed, timer
from harness.measuring.speed import FinishedTraining, TimedPrediction, _drift_notes, measure_speed
from harness.records.record import SpeedInfo
from harness.system import own_time
from harness.training.loop import TrainingResult
from harness.training.resolved_recipe import ResolvedRecipe
from zoo import Hyperparameters, Recipe

NUM_TEST = 32
PREDICT_SECONDS, TRAIN_SECONDS = 0.01, 0.02
"""What the network takes for an image."""
NOW = [0.0]


class Clocked(nn.Module):
    """A network that takes a known time for each image."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 4)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        NOW[0] += len(images_BCHW) * (TRAIN_SECONDS if self.training else PREDICT_SECONDS)
        logits_BK: Tensor = self.head(images_BCHW.mean(dim=(2, 3)))
        return logits_BK


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    NOW[0] = 100.0
    for module in (timer, speed, own_time):
        monkeypatch.setattr(module, "time", types.SimpleNamespace(perf_counter=lambda: NOW[0]))
    for module in (timer, speed):
        monkeypatch.setattr(module, "has_own_time", lambda device: False)

    def reference_step(device: torch.device) -> Any:
        def step() -> None:
            NOW[0] += 0.064

        return step

    monkeypatch.setattr(speed, "reference_step", reference_step)
    monkeypatch.setattr(speed, "ForeignLoad", lambda: types.SimpleNamespace(cores=lambda: 1.5, stolen=lambda: 0.0))
    monkeypatch.setattr(speed, "is_quiet_within", lambda seconds: False)
    monkeypatch.setattr(speed, "compiled", lambda model, *, graphs: model)


TRAINING = FinishedTraining(
    result=TrainingResult(
        epochs_run=4,
        tested_epoch=4,
        stopped_early=False,
        best_val_accuracy=0.5,
        final_train_loss=1.0,
        seconds=1.0,
        images_per_second=(10.0, 40.0, 60.0, 50.0),
        micro_batch_size=8,
        planned_micro_batch_size=16,
    ),
    num_images=640,
    peak_memory_mib=123.0,
)


def measured(training: FinishedTraining = TRAINING, *, compile: bool = False, **options: Any) -> SpeedInfo:
    hp = Hyperparameters(batch_size=16, lr=0.01)
    images = ImageSet(
        images_NHWC=np.zeros((NUM_TEST, 8, 8, 3), dtype=np.uint8),
        labels_N=np.arange(NUM_TEST) % 4,
        samples_N=np.arange(NUM_TEST, dtype=np.uint64),
    )
    settings = ForwardSettings(
        device=torch.device("cpu"),
        normalization=Normalization(mean=(0.5,) * 3, std=(0.25,) * 3),
        compile=compile,
    )
    return measure_speed(
        Clocked(),
        ResolvedRecipe(recipe=Recipe(name="plain", hyperparameters=lambda: hp), hp=hp),
        settings,
        training=training,
        test=TimedPrediction(images=images, logits_NK=torch.zeros(NUM_TEST, 4), seconds=4.0),
        budget_seconds=1.0,
        **options,
    )


def test_inference_is_the_rate_of_the_network_alone_with_as_many_images_as_there_are() -> None:
    info = measured()
    assert info.inference is not None
    assert info.inference.median == pytest.approx(1 / PREDICT_SECONDS)
    assert info.inference.batch_size == NUM_TEST


def test_inference_end_to_end_is_test_images_over_the_seconds_of_their_pass() -> None:
    rate = measured().inference_end_to_end
    assert rate is not None
    assert (rate.median, rate.low, rate.high, rate.windows) == (8.0, 8.0, 8.0, 1)
    assert rate.batch_size == NUM_TEST


def test_latency_is_of_a_single_image() -> None:
    latency = measured().latency
    assert latency is not None
    assert (latency.p50_ms, latency.p95_ms) == pytest.approx((1000 * PREDICT_SECONDS,) * 2)


def test_training_is_the_rate_of_steps_with_as_many_images_as_fitted_into_memory() -> None:
    train = measured().train
    assert train is not None
    assert train.median == pytest.approx(1 / TRAIN_SECONDS)
    assert train.batch_size == TRAINING.result.micro_batch_size


def test_training_end_to_end_is_the_rate_of_the_epochs_after_the_first() -> None:
    rate = measured().train_end_to_end
    assert rate is not None
    assert (rate.median, rate.windows, rate.batch_size) == (50.0, 3, 16)
    only = replace(TRAINING, result=replace(TRAINING.result, images_per_second=(10.0,)))
    rate = measured(only).train_end_to_end
    assert rate is not None
    assert (rate.median, rate.windows) == (10.0, 1)


def test_the_reference_network_is_measured_before_and_after() -> None:
    reference = measured().reference
    assert reference is not None
    assert reference.median == pytest.approx(1000)
    assert reference.batch_size == 64
    assert reference.windows >= 2 * timer.MIN_WINDOWS


def test_given_and_queried_facts_are_recorded_unchanged() -> None:
    info = measured()
    assert (info.peak_memory_mib, info.foreign_cores, info.protocol) == (123.0, 1.5, timer.PROTOCOL)
    assert info.seconds == pytest.approx(NOW[0] - 100)
    assert (info.notes, info.best_inference) == ((), None)
    assert info.resident_images_mib is None
    resident = replace(TRAINING, result=replace(TRAINING.result, resident_bytes=3 * 2**20))
    assert measured(resident).resident_images_mib == 3
    assert (info.compile_seconds, info.train_compile_seconds) == (None, None)


@pytest.mark.parametrize(
    ("loads", "quiet", "expected", "rounds"),
    [
        ([0.1], [], 0.1, 1),
        ([1.5, 0.1], [True], 0.1, 2),
        ([1.5], [False], 1.5, 1),
        ([1.5, 2.0, 0.4], [True, True], 0.4, 3),
        ([0.9, 2.0], [True, False], 0.9, 2),
        ([None], [], None, 1),
    ],
)
def test_what_was_measured_beside_other_load_is_measured_again_in_a_quieter_moment(
    monkeypatch: pytest.MonkeyPatch,
    loads: list[float | None],
    quiet: list[bool],
    expected: float | None,
    rounds: int,
) -> None:
    found, moments, waits = iter(loads), iter(quiet), []

    def is_quiet_within(seconds: float) -> bool:
        waits.append(seconds)
        return next(moments)

    monkeypatch.setattr(
        speed, "ForeignLoad", lambda: types.SimpleNamespace(cores=lambda: next(found), stolen=lambda: 0.0)
    )
    monkeypatch.setattr(speed, "is_quiet_within", is_quiet_within)
    info = measured()
    assert info.foreign_cores == expected
    assert len(waits) == len(quiet)
    assert (next(found, "none left"), next(moments, "none left")) == ("none left", "none left")
    once = 1.0 + 1.0 + 0.5 + 0.5  # budgets of inference, training, latency and the reference
    assert rounds * once * 0.8 < info.seconds < rounds * once * 2.5


@pytest.mark.parametrize(
    ("num_neighbours", "again", "share", "rate"),
    [
        (0, [7.0, 9.0], 0.25, 8.0),
        (1, [7.0, 9.0], 0.25, 8.0),
        (1, None, 0.25, None),
        (0, None, None, 50.0),  # what remains are the epochs, which were not timed so
    ],
)
def test_a_network_with_one_thread_is_measured_beside_other_load_at_once(
    monkeypatch: pytest.MonkeyPatch,
    num_neighbours: int,
    again: list[float] | None,
    share: float | None,
    rate: float | None,
) -> None:
    monkeypatch.setattr(speed, "has_own_time", lambda device: True)
    monkeypatch.setattr(speed, "TakenShare", lambda: types.SimpleNamespace(share=lambda: 0.25))
    info = measured(
        replace(TRAINING, num_neighbours=num_neighbours, again=None if again is None else lambda seconds: again)
    )
    assert (info.foreign_cores, info.taken_share) == (1.5, share)
    assert (None if info.train_end_to_end is None else info.train_end_to_end.median) == rate
    assert any("in the network's own time" in note for note in info.notes) is (share is not None)


def test_a_network_with_one_thread_is_measured_once_even_if_the_load_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "has_own_time", lambda device: True)
    monkeypatch.setattr(speed, "TakenShare", lambda: types.SimpleNamespace(share=lambda: 0.25))
    monkeypatch.setattr(speed, "is_quiet_within", lambda seconds: pytest.fail("nothing to wait for"))
    assert measured(replace(TRAINING, again=lambda seconds: [8.0])).taken_share == 0.25
    monkeypatch.setattr(speed, "ForeignLoad", lambda: types.SimpleNamespace(cores=lambda: 0.1, stolen=lambda: 0.0))
    info = measured()
    assert info.notes == ()
    assert info.train_end_to_end is not None
    assert info.train_end_to_end.median == 50.0  # the epochs as they ran


@pytest.mark.parametrize("helped", ["decoded on each access", "a selection of them", "cropped", "not at all"])
def test_what_is_taken_from_threads_that_decode_or_crop_is_not_left_out(
    monkeypatch: pytest.MonkeyPatch, helped: str
) -> None:
    streamed: Any = StreamedImages.__new__(StreamedImages)
    places_N = np.arange(2)
    images_NHWC = {
        "decoded on each access": streamed,
        "a selection of them": SelectedImages(images=streamed, places_N=places_N),
    }.get(helped, SelectedImages(images=np.zeros((4, 8, 8, 3), dtype=np.uint8), places_N=places_N))
    images = ImageSet(images_NHWC=images_NHWC, labels_N=places_N, samples_N=places_N.astype(np.uint64))
    hp = Hyperparameters(random_resized_crop=0.5 if helped == "cropped" else 1.0)
    resolved = ResolvedRecipe(recipe=Recipe(name="plain", hyperparameters=lambda: hp), hp=hp)
    assert speed._has_no_helpers(images, resolved) is (helped == "not at all")


@pytest.mark.parametrize(("stolen", "share"), [(0.04, 0.25), (0.2, None)])
def test_what_the_host_of_a_virtual_machine_takes_is_not_left_out(
    monkeypatch: pytest.MonkeyPatch, stolen: float, share: float | None
) -> None:
    monkeypatch.setattr(speed, "has_own_time", lambda device: True)
    monkeypatch.setattr(speed, "TakenShare", lambda: types.SimpleNamespace(share=lambda: 0.25))
    load = types.SimpleNamespace(cores=lambda: 0.6, stolen=lambda: stolen)
    monkeypatch.setattr(speed, "ForeignLoad", lambda: load)
    info = measured(replace(TRAINING, again=lambda seconds: [8.0]))
    assert (info.taken_share, info.was_slowed) == (share, share is None)


def test_compiling_costs_the_first_call_and_what_the_first_epoch_took_longer() -> None:
    info = measured(compile=True)
    assert info.compile_seconds == pytest.approx(8 * PREDICT_SECONDS)
    assert info.train_compile_seconds == pytest.approx(640 / 10 - 640 / 50)


def test_beside_other_trials_the_speed_of_epochs_is_left_out() -> None:
    info = measured(replace(TRAINING, num_neighbours=2), compile=True, disturbance="it went on")
    assert (info.train_end_to_end, info.train_compile_seconds) == (None, None)
    assert info.train is not None
    beside, disturbed = info.notes
    assert "up to 2 other trials on the same device" in beside
    assert disturbed == "it went on"


def test_of_several_devices_only_the_rate_of_their_epochs_is_known() -> None:
    info = measured(replace(TRAINING, num_devices=2))
    assert info.train is None
    assert info.train_end_to_end is not None
    (note,) = info.notes
    assert "trained on 2 devices" in note


def test_the_best_inference_is_searched_for_if_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        speed, "find_best_inference", lambda model, images, classes, **options: asked.append((images, classes, options))
    )
    assert measured(best_inference=True).best_inference is None
    ((images_BCHW, classes_B, options),) = asked
    assert images_BCHW.shape == (NUM_TEST, 3, 8, 8)
    assert classes_B.tolist() == [0] * NUM_TEST
    assert options == {"compile": False, "budget_seconds": 1.0}


def test_a_clock_that_changed_meanwhile_is_noted() -> None:
    assert _drift_notes([100.0, 101.0], [97.0, 104.0]) == ()
    (slower,) = _drift_notes([100.0], [70.0])
    assert "the reference network was 0.70 times as fast" in slower
    assert _drift_notes([70.0], [100.0])
