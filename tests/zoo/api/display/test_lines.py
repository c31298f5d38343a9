from __future__ import annotations

from pathlib import Path
from typing import Any

from zoo.api.display.lines import Lines
from zoo.events import BenchEnded, BenchStarted, EpochEnded, Event, Progress, TrialEnded, TrialStarted


def _written(events: list[Event], clock: Any, *, seconds: float = 1.0) -> list[str]:
    lines: list[str] = []
    hear = Lines(lines.append, clock)
    for event in events:
        clock.now += seconds
        hear(event)
    return lines


def test_each_trial_has_a_line_for_its_start_and_one_for_its_end(recorded_events: list[Event], clock: Any) -> None:
    lines = _written(recorded_events, clock)
    assert lines[:3] == [
        "decoding digits",
        "6 trials, records in runs",
        "[1/6] accuracy 90.00% reused: lenet5 · digits · sgd_step · seed 0",
    ]
    assert "[2/6] simple_cnn · digits · sgd_step · seed 0" in lines
    assert any(line.startswith("[2/6] accuracy 95.00% after 7.0 s (at least ") for line in lines)
    assert any(line.startswith("[5/6] failed after 7.0 s: the loss was not finite") for line in lines)
    assert lines[-1].endswith("5 done, 1 failed")


def test_the_line_of_an_epoch_shows_loss_accuracy_and_speed(recorded_events: list[Event], clock: Any) -> None:
    assert (
        "[2/6]   epoch 2/4  loss 0.2707  val loss 0.2030  val accuracy 75.00%  2,000 images/s"
    ) in _written(recorded_events, clock)  # fmt: skip


def test_a_long_training_writes_ten_lines_and_a_slow_one_a_line_each_half_minute(clock: Any) -> None:
    events: list[Event] = [
        BenchStarted(store=Path("runs"), trials=(("t", "net"),)),
        TrialStarted(trial_id="t", title="net", number=1, total=1),
    ]
    events += [
        EpochEnded(
            trial_id="t", epoch=epoch, epochs=100, train_loss=1.0, train_accuracy=None, val_loss=1.0,
            val_accuracy=0.5, lr=0.1, images_per_second=1.0, seconds=1.0,
        )
        for epoch in range(1, 101)
    ]  # fmt: skip
    assert sum("epoch" in line for line in _written(events, clock)) == 10
    assert sum("epoch" in line for line in _written(events, clock, seconds=31.0)) == 100


def test_a_download_that_goes_on_writes_one_line(clock: Any) -> None:
    events: list[Event] = [Progress(message="downloading cifar10", share=part / 100) for part in range(100)]
    assert _written(events, clock) == ["downloading cifar10"]


def test_foreign_text_stays_on_its_line(clock: Any) -> None:
    assert _written([Progress(message="one\ntwo\x1b[2J")], clock) == ["one two[2J"]


def test_a_trial_that_pauses_says_so_and_tells_of_each_epoch_once(clock: Any) -> None:
    def started() -> TrialStarted:
        return TrialStarted(trial_id="t", title="net", number=1, total=4)

    def epoch(number: int) -> EpochEnded:
        return EpochEnded(
            trial_id="t", epoch=number, epochs=3, train_loss=1.0, train_accuracy=None, val_loss=1.0, val_accuracy=0.5,
            lr=0.1, images_per_second=1.0, seconds=1.0,
        )  # fmt: skip

    def ended(pause_after: int | None) -> TrialEnded:
        record = {"spec": {"execution": {"tests": False, "pause_after": pause_after}}}
        return TrialEnded(
            trial_id="t", title="net", number=1, total=4, outcome="done", reused=False, reason="", record=record
        )

    events = [BenchStarted(store=Path("runs"), trials=(("t", "net"),)), started(), epoch(1), ended(1)]
    lines = _written([*events, started(), epoch(1), epoch(2), epoch(3), ended(None)], clock)
    assert [line.split()[2] for line in lines if "epoch" in line and "loss" in line] == ["1/3", "2/3", "3/3"]
    assert lines[3].startswith("[1/4] paused at epoch 1 after 2.0 s (about")
    assert lines[-1].startswith("[1/4] done after 4.0 s")


def test_each_round_tells_its_own_time_and_later_ones_that_of_the_command(clock: Any) -> None:
    lines: list[str] = []
    hear = Lines(lines.append, clock)
    for seconds in (60, 20, 5):
        clock.now += 1  # what comes before a round's trials is part of it
        hear(BenchStarted(store=Path("runs"), trials=(("t", "net"),)))
        clock.now += seconds - 1
        hear(BenchEnded(counts={"done": 1}, interrupted=False))
    assert [line for line in lines if line.startswith("finished")] == [
        "finished after 1 min 00 s: 1 done",
        "finished after 20 s (1 min 20 s in all): 1 done",
        "finished after 5.0 s (1 min 25 s in all): 1 done",
    ]
