"""The range test trains as the trial would, at rising rates, on training images only, and the same way each time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from harness.data.images import PreparedData, TrialImages
from harness.trial.lr_test import measure_losses


@pytest.fixture
def measure(plugin_file, make_spec):
    def run(data, model="strided", *, seed=0, steps=60, highest=10.0, **hyperparameters):
        spec = make_spec(model, hyperparameters={"batch_size": 8, **hyperparameters})
        spec = spec.model_copy(update={"seed": seed})
        sources: Any = {"files": (str(plugin_file),), "entry_points": False}
        given = (sources, spec.model_dump(mode="json"), data.model_dump(mode="json"))
        return measure_losses(*given, lowest=1e-6, highest=highest, steps=steps)

    return run


def test_the_rate_rises_exponentially_over_epochs_until_training_diverges(make_data, measure):
    measured = measure(make_data(num_train=64), highest=1e4)
    lrs, losses = measured["lrs"], measured["losses"]
    assert len(lrs) == len(losses) < 60
    ratios = [after / before for before, after in pairwise(lrs)]
    assert lrs[0] == 1e-6
    assert ratios == pytest.approx([(1e4 / 1e-6) ** (1 / 59)] * len(ratios))
    assert len(lrs) > 8  # more than one epoch
    assert min(losses) < losses[0]


def test_all_steps_run_if_nothing_diverges(make_data, measure):
    measured = measure(make_data(num_train=64), highest=1e-2, steps=20)
    assert len(measured["losses"]) == 20
    assert measured["lrs"][-1] == pytest.approx(1e-2)


def test_the_same_seed_gives_the_same_losses_and_another_seed_others(make_data, measure):
    data = make_data(num_train=64)
    first = measure(data, steps=12)
    assert measure(data, steps=12) == first
    assert measure(data, steps=12, seed=1) != first


def test_settings_of_validation_and_schedule_change_nothing_and_those_of_training_do(make_data, measure):
    data = make_data(num_train=64)
    first = measure(data, steps=12)
    changed = {"schedule": "cosine", "warmup_epochs": 2.0, "ema_decay": 0.9, "keep": "best", "lr": 0.3, "epochs": 40}
    assert measure(data, steps=12, **changed)["losses"] == pytest.approx(first["losses"], rel=1e-5)
    assert measure(data, steps=12, label_smoothing=0.2)["losses"] != pytest.approx(first["losses"], rel=1e-3)


def test_the_test_images_stay_closed_and_few_of_validation_are_read(make_data, measure, monkeypatch):
    loaded = []
    real = PreparedData.load
    monkeypatch.setattr(PreparedData, "load", lambda self, split: loaded.append(split) or real(self, split))
    monkeypatch.setattr(TrialImages, "open_test", lambda self: pytest.fail("it opens the test images"))
    assert "losses" in measure(make_data(num_train=64), steps=12)
    assert set(loaded) == {"train", "val"}


def test_an_error_in_a_plugin_is_the_answer(make_data, measure):
    assert measure(make_data(), "raising") == {"problem": "building raising failed: RuntimeError: no weights"}
