"""Changes of speed: what is compared, and how often a change is found that is not there."""

from __future__ import annotations

import numpy as np
import pytest

from harness.records.record import Rate
from reports.comparison.difference import Difference, compare
from reports.comparison.speeds import speed_changes
from reports.render.difference import render_difference

NEW = {"torch": "2.12.0+cpu", "device_name": "a cpu", "driver": "", "threads": 2}


def only(difference: Difference):
    (cell,) = difference.cells
    return cell


def test_speeds_are_compared_across_torch_versions_and_a_slowdown_is_an_alarm_past_its_limit(side):
    before, after = side("a", speed=1000.0), side("b", speed=500.0)
    difference = compare(before, after, max_slowdown=1.5)
    train, inference = only(difference).speeds
    assert train.ratio == inference.ratio == pytest.approx(0.5)
    assert train.low < 0.5 < train.high < 1 / 1.5
    assert [alarm.split(": ")[1].split(",")[0] for alarm in difference.alarms] == [
        "training takes 2.00 times as long",
        "inference takes 2.00 times as long",
    ]
    assert compare(before, after, max_slowdown=2.5).alarms == compare(after, before, max_slowdown=1).alarms == ()


@pytest.mark.parametrize("field", ["device_name", "threads"])
def test_speeds_on_other_devices_or_threads_are_not_compared_and_the_reason_is_given(side, field):
    difference = compare(side("a"), side("b", speed=1.0, environment={**NEW, field: 64}), max_slowdown=1)
    assert only(difference).speeds == difference.alarms == ()
    name = field.removesuffix("_name")
    assert only(difference).speed_problem == f"measured under different conditions: {name}"
    assert f"speeds of all cells: measured under different conditions: {name}" in render_difference(difference, "table")


def test_equal_speeds_are_called_different_in_at_most_5_of_100_cases(side):
    (_, example), *_ = side("a")
    rng = np.random.default_rng(14)

    def trials():
        speeds = []
        for level in rng.normal(7, 0.05, 3):  # trials differ by 5 %, windows by 3 %
            low, median, high = np.exp(np.percentile(rng.normal(level, 0.03, 20), [2.5, 50, 97.5]))
            rate = Rate(median=median, low=low, high=high, windows=20, batch_size=64)
            speed = example.speed.model_copy(update={"train": rate, "inference": None})
            speeds.append(example.model_copy(update={"speed": speed}))
        return speeds

    found = sum(speed_changes(trials(), trials())[0][0].p_value() < 0.05 for _ in range(500))
    assert found / 500 <= 0.05 + 0.01
