"""A trial's progress: phases are timed and noted, and an earlier attempt counts as far as it need not be repeated."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.records.history import HistoryWriter, read_history
from harness.trial.progress import TrialProgress, continue_history


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return tmp_path / "history.jsonl"


@pytest.fixture
def progress(history: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrialProgress]:
    """Progress by a clock that goes on by a second at each look."""
    seconds = iter(range(100))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(seconds)))
    writer = HistoryWriter(history)
    yield TrialProgress(history=writer, environment={})
    writer.close()


def test_the_parts_of_a_phase_add_up(progress: TrialProgress) -> None:
    with progress.during("build"):
        pass
    with progress.during("wait"):
        time.perf_counter()
    with progress.during("build"):
        pass
    assert progress.seconds == {"build": 2.0, "wait": 2.0}


def test_a_phase_that_fails_is_timed_and_stays_the_current_one(progress: TrialProgress, history: Path) -> None:
    with pytest.raises(ZeroDivisionError), progress.during("train"):
        raise ZeroDivisionError
    assert (progress.phase, progress.seconds) == ("train", {"train": 1.0})
    assert [(row["event"], row["phase"]) for row in read_history(history)] == [("phase", "train")]


def test_the_time_of_an_earlier_attempt_is_added_to(progress: TrialProgress) -> None:
    progress.seconds = {"train": 40.0}
    with progress.during("train"):
        pass
    assert progress.seconds == {"train": 41.0}


def test_a_first_attempt_continues_nothing(history: Path) -> None:
    earlier = continue_history(history, 0)
    assert (earlier.attempts, earlier.seconds) == (0, {})
    assert read_history(history) == []


def test_only_epochs_that_the_saved_state_covers_are_kept_and_count(history: Path) -> None:
    writer = HistoryWriter(history)
    for row in (
        {"event": "attempt", "number": 1},
        {"event": "phase", "phase": "train"},
        {"event": "epoch", "epoch": 1, "seconds": 2.0},
        {"event": "epoch", "epoch": 2, "seconds": 3.0},
        {"event": "attempt", "number": 2},
        {"event": "epoch", "epoch": 3, "seconds": 50.0},
    ):
        writer.write(row)
    writer.close()
    earlier = continue_history(history, 2)
    assert (earlier.attempts, earlier.seconds) == (2, {"train": 5.0})
    kept = [(row["event"], row.get("number", row.get("epoch"))) for row in read_history(history)]
    assert kept == [("attempt", 1), ("attempt", 2), ("epoch", 1), ("epoch", 2)]
    assert (continue_history(history, 0).seconds, continue_history(history, 0).attempts) == ({}, 2)


def test_time_for_which_others_had_the_device_is_a_phase_of_its_own(progress: TrialProgress) -> None:
    waited = iter([1.0, 3.5])
    progress.paused_seconds = lambda: next(waited)
    with progress.during("train"):
        for _ in range(4):
            time.perf_counter()
    assert progress.seconds == {"train": 2.5, "paused": 2.5}
