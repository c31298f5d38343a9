"""Timings: each second of a bench is counted once."""

from __future__ import annotations

import pytest

from harness.bench.timings import Timings, phases_of


def test_every_second_of_a_trials_process_belongs_to_a_phase() -> None:
    phases = phases_of({"train": 6.0, "paused": 1.0, "total": 8.0}, process_seconds=8.5)
    assert phases == {"train": 6.0, "paused": 1.0, "other": 1.0, "start": 0.5}
    assert sum(phases.values()) == 8.5


def test_a_record_without_times_counts_as_the_time_of_its_process() -> None:
    assert phases_of({}, process_seconds=3.0) == {"other": 0.0, "start": 3.0}


def test_seconds_of_trials_are_shared_among_slots_and_the_rest_is_idle() -> None:
    timings = Timings(
        began=0.0, seconds=25.0, stages={"probe": 3.0, "prepare": 2.0, "trials": 20.0}, phases={"train": 30.0}, slots=2
    )
    seconds = timings.wall_seconds()
    assert seconds == {"probe": 3.0, "prepare": 2.0, "train": 15.0, "idle": 5.0}
    assert sum(seconds.values()) == timings.seconds


def test_two_benches_add_up() -> None:
    first = Timings(began=1.0, seconds=5.0, stages={"probe": 2.0, "trials": 3.0}, phases={"train": 2.0})
    second = Timings(began=9.0, seconds=4.0, stages={"trials": 4.0}, phases={"train": 1.0, "test": 1.0}, slots=2)
    both = first.plus(second)
    assert (both.began, both.seconds, both.slots) == (1.0, 9.0, 2)
    assert both.stages == {"probe": 2.0, "trials": 7.0}
    assert both.phases == pytest.approx({"train": 3.0, "test": 1.0})
