"""Own time: wall time without what was taken, never less than processor time; and waits for helpers."""

from __future__ import annotations

import sys
import threading
import types
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.system import own_time
from harness.system.own_time import HelperWaits, Stopwatch, TakenShare, helpers_counted, own_clock, taken_seconds


@dataclass
class Clocks:
    wall: float = 100.0
    cpu: float = 20.0
    taken: float | None = 7.0


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(
        own_time,
        "time",
        types.SimpleNamespace(
            perf_counter=lambda: clocks.wall, monotonic=lambda: clocks.wall, thread_time=lambda: clocks.cpu
        ),
    )
    monkeypatch.setattr(own_time, "taken_seconds", lambda: clocks.taken)
    return clocks


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_what_was_taken_from_a_thread_is_its_own_and_only_grows() -> None:
    before = taken_seconds()
    after = taken_seconds()
    assert before is not None
    assert after is not None
    assert 0 <= before <= after
    fresh: list[float | None] = []
    thread = threading.Thread(target=lambda: fresh.append(taken_seconds()))
    thread.start()
    thread.join()
    assert fresh[0] is not None
    assert fresh[0] >= 0


def test_where_the_system_does_not_tell_it_is_not_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(own_time, "_STAT", str(tmp_path / "none"))
    assert taken_seconds() is None


@pytest.mark.parametrize(
    ("is_own", "known", "cpu", "expected"),
    [
        (True, True, 2.0, 2.0),  # 5 s, of which others took 3
        (True, True, 1.0, 2.0),  # and in which it slept for 1
        (True, True, 5.0, 5.0),  # they were taken after the clock had been read
        (True, False, 2.0, 5.0),
        (False, True, 2.0, 5.0),
    ],
)
def test_a_stopwatch_leaves_out_what_was_taken_but_no_processor_time(
    clocks: Clocks, is_own: bool, known: bool, cpu: float, expected: float
) -> None:
    if not known:
        clocks.taken = None
    watch = Stopwatch(in_own_time=is_own)
    clocks.wall, clocks.cpu = clocks.wall + 5, clocks.cpu + cpu
    if clocks.taken is not None:
        clocks.taken += 3
    assert watch.seconds() == pytest.approx(expected)
    watch.start()
    assert watch.seconds() == 0


def test_the_share_that_was_taken_is_of_wall_time(clocks: Clocks) -> None:
    taken = TakenShare()
    assert taken.share() == 0
    clocks.wall, clocks.taken = clocks.wall + 4, 8.0
    assert taken.share() == pytest.approx(0.25)


@pytest.mark.parametrize(("from_helper", "left_out"), [(1.5, 1.5), (9.0, 4.0)])
def test_waiting_for_a_helper_counts_as_far_as_others_made_it_longer(
    clocks: Clocks, from_helper: float, left_out: float
) -> None:
    with helpers_counted():
        before = own_clock()
        with HelperWaits().waiting() as taken:
            clocks.wall += 4
            taken.append(from_helper)
        assert own_clock() - before == pytest.approx(4 - left_out)
        clocks.wall, clocks.taken = clocks.wall + 2, 8.0
        assert own_clock() - before == pytest.approx(4 - left_out + 1)


def test_a_helper_tells_what_was_taken_since_it_was_last_asked(clocks: Clocks) -> None:
    with helpers_counted():
        waits = HelperWaits()
    clocks.taken = 3.0
    assert waits.taken_from_helper() == 3.0
    clocks.taken = 3.5
    assert waits.taken_from_helper() == 0.5


def test_helpers_are_not_looked_at_unless_they_are_counted(clocks: Clocks) -> None:
    waits = HelperWaits()
    assert waits.taken_from_helper() == 0
    before = own_clock()
    with waits.waiting() as taken:
        clocks.wall += 4
        taken.append(3.0)
    assert own_clock() - before == 4
